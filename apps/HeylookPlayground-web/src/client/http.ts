import { create, type AxiosRequestConfig } from "axios";
import { asServerError, isAborted } from "./errors";
import { authorisation, serverUrl } from "./settings";

/** Axios over fetch: its XMLHttpRequest adapter cannot stream. */
const http = create({ adapter: "fetch" });

http.interceptors.request.use((config) => {
  const path = (config.url ?? "").replace(/^\//, "");
  config.url = new URL(path, serverUrl()).href;
  for (const [name, value] of Object.entries(authorisation(path))) config.headers.set(name, value);
  return config;
});

/** The answer's body. Raises a ServerError, or the cancellation itself. */
export async function request<T>(config: AxiosRequestConfig): Promise<T> {
  try {
    const response = await http.request<T>(config);
    return response.data;
  } catch (error) {
    if (isAborted(error)) throw error;
    throw await asServerError(error);
  }
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return request<T>({ method: "GET", url: path, signal });
}

export function post<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  return request<T>({ method: "POST", url: path, data: body, signal });
}

export function remove<T>(path: string, signal?: AbortSignal): Promise<T> {
  return request<T>({ method: "DELETE", url: path, signal });
}

/** The bytes of an answer as they come. */
export function stream(
  path: string,
  body: unknown,
  signal?: AbortSignal,
  headers?: Record<string, string>,
): Promise<ReadableStream<Uint8Array>> {
  return request({ method: "POST", url: path, data: body, signal, headers, responseType: "stream" });
}

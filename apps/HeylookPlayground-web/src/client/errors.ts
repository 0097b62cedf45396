import { isAxiosError, isCancel } from "axios";

export type ErrorKind =
  "offline" | "cut" | "unauthorised" | "forbidden" | "missing" | "busy" | "unavailable" | "refused" | "failed";

/** What went wrong with a request, in the server's own words where it had any. */
export class ServerError extends Error {
  override readonly name = "ServerError";
  readonly kind: ErrorKind;
  readonly status: number | null;
  readonly code: string | null;
  readonly param: string | null;
  readonly retryAfter: number | null;

  constructor(kind: ErrorKind, message: string, details: Partial<ErrorDetails> = {}) {
    super(message);
    this.kind = kind;
    this.status = details.status ?? null;
    this.code = details.code ?? null;
    this.param = details.param ?? null;
    this.retryAfter = details.retryAfter ?? null;
  }
}

interface ErrorDetails {
  status: number | null;
  code: string | null;
  param: string | null;
  /** Seconds. */
  retryAfter: number | null;
}

export function kindOf(status: number): ErrorKind {
  if (status === 401) return "unauthorised";
  if (status === 403) return "forbidden";
  if (status === 404) return "missing";
  if (status === 429) return "busy";
  if (status === 503) return "unavailable";
  return status < 500 ? "refused" : "failed";
}

/** Whether the request was ended by us and not by the server. */
export function isAborted(error: unknown): boolean {
  return isCancel(error) || (error instanceof DOMException && error.name === "AbortError");
}

/** The error of any dialect's body: `{"error": {"message"}}`, `{"error": "text"}`. */
export function errorOfBody(body: unknown): { message: string; code: string | null; param: string | null } | null {
  if (typeof body !== "object" || body === null || !("error" in body)) return null;
  const { error } = body;
  if (typeof error === "string") return { message: error, code: null, param: null };
  if (typeof error !== "object" || error === null || !("message" in error)) return null;
  const text = (key: string) => {
    const value = (error as Record<string, unknown>)[key];
    return typeof value === "string" ? value : null;
  };
  return { message: text("message") ?? "", code: text("code") ?? text("kind"), param: text("param") };
}

async function textOf(data: unknown): Promise<string> {
  if (typeof data === "string") return data;
  if (data instanceof Blob) return data.text();
  if (data instanceof ReadableStream) return new Response(data).text();
  if (data instanceof ArrayBuffer) return new TextDecoder().decode(data);
  return JSON.stringify(data ?? "");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Any exception of a request as a ServerError. The body of a refused stream is read here, as Axios does not. */
export async function asServerError(error: unknown): Promise<ServerError> {
  if (error instanceof ServerError) return error;
  if (!isAxiosError(error) || !error.response) return offline(error);
  const { status, headers, data } = error.response;
  const text = await textOf(data);
  const told = errorOfBody(parsed(text));
  const message = told?.message || text.slice(0, 300) || `The server answered with status ${status}.`;
  const wait = Number(headers["retry-after"]);
  return new ServerError(kindOf(status), message, {
    status,
    code: told?.code ?? null,
    param: told?.param ?? null,
    retryAfter: Number.isFinite(wait) && wait > 0 ? wait : null,
  });
}

function offline(error: unknown): ServerError {
  const isNetwork = isAxiosError(error) || error instanceof TypeError;
  if (isNetwork) return new ServerError("offline", "The server does not answer. Is it running?");
  return new ServerError("failed", error instanceof Error ? error.message : String(error));
}

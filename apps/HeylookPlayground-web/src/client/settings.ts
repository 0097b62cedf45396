import { create } from "zustand";
import { persist } from "zustand/middleware";

/** Where the server is and what it wants to see. Kept in this browser only. */
export interface ConnectionSettings {
  /** Empty: the server that this page came from. */
  baseUrl: string;
  apiKey: string;
  /** For the administration routes, where the server has admin tokens. */
  adminToken: string;
  change: (part: Partial<Pick<ConnectionSettings, "baseUrl" | "apiKey" | "adminToken">>) => void;
}

export const useConnection = create<ConnectionSettings>()(
  persist(
    (set) => ({
      baseUrl: "",
      apiKey: "",
      adminToken: "",
      change: (part) => set(part),
    }),
    {
      name: "heylook-connection",
      version: 1,
      // What is stored may be damaged, or of another version.
      merge: (stored, current) => ({ ...current, ...textsOf(Object(stored), ["baseUrl", "apiKey", "adminToken"]) }),
    },
  ),
);

function textsOf<Key extends string>(record: Record<string, unknown>, keys: Key[]): Partial<Record<Key, string>> {
  const found: Partial<Record<Key, string>> = {};
  for (const key of keys) {
    const value = record[key];
    if (typeof value === "string") found[key] = value;
  }
  return found;
}

/** The server's address with a slash at the end. The page lies one folder below it, as in `/playground/`. */
export function serverUrl(): string {
  const { baseUrl } = useConnection.getState();
  if (!URL.canParse(baseUrl)) return new URL("..", document.baseURI).href;
  return baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`;
}

/** The address of a WebSocket route. */
export function socketUrl(path: string): string {
  return new URL(path.replace(/^\//, ""), serverUrl()).href.replace(/^http/, "ws");
}

export function authorisation(path: string): Record<string, string> {
  const { apiKey, adminToken } = useConnection.getState();
  const headers: Record<string, string> = {};
  if (apiKey) headers["Authorization"] = `Bearer ${apiKey}`;
  if (adminToken && path.includes("v1/admin")) headers["X-Admin-Token"] = adminToken;
  return headers;
}

import type { Metrics } from "./metrics";

export interface ToolCall {
  id: string;
  name: string;
  /** JSON, as far as it has come. */
  arguments: string;
}

export interface Picture {
  name: string;
  /** A data URL. */
  url: string;
}

export type MessageState = "streaming" | "complete" | "stopped" | "failed";

export interface Failure {
  kind: string;
  message: string;
}

/** One node of a conversation's tree. Messages with the same parent are branches of each other. */
export interface Message {
  id: string;
  parent: string | null;
  role: "user" | "assistant" | "tool";
  content: string;
  createdAt: number;
  pictures?: Picture[];
  /** Of a tool's result: the call that it answers. */
  toolCallId?: string;
  /** The rest is an assistant's. */
  model?: string;
  reasoning?: string;
  toolCalls?: ToolCall[];
  state?: MessageState;
  finish?: string | null;
  failure?: Failure;
  metrics?: Metrics;
}

export function newId(): string {
  // `randomUUID` is missing on pages of plain http from another machine.
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

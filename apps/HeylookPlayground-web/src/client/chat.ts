import { errorOfBody, isAborted, ServerError } from "./errors";
import { stream } from "./http";
import { sseItems } from "./sse";
import type { ChatChunk, ChatRequest } from "./types";

/** What comes of a streamed answer. `reading` tells how much of the prompt has been read. */
export type ChatEvent =
  | { kind: "accepted" }
  | { kind: "reading"; done: number; total: number }
  | { kind: "waiting" }
  | { kind: "chunk"; chunk: ChatChunk };

const PROGRESS = /^keepalive (\d+)\/(\d+)$/;

/** Asks and gives events until the answer is complete. An answer that ends without its mark was cut off. */
export async function* chatEvents(
  body: ChatRequest,
  signal: AbortSignal,
  requestId: string,
): AsyncGenerator<ChatEvent> {
  const bytes = await stream("/v1/chat/completions", body, signal, { "x-request-id": requestId });
  yield { kind: "accepted" };
  try {
    for await (const item of sseItems(bytes)) {
      if (item.kind === "comment") {
        const progress = PROGRESS.exec(item.text);
        yield progress
          ? { kind: "reading", done: Number(progress[1]), total: Number(progress[2]) }
          : { kind: "waiting" };
        continue;
      }
      if (item.data === "[DONE]") return;
      const chunk: unknown = JSON.parse(item.data);
      const told = errorOfBody(chunk);
      if (told) throw new ServerError("failed", told.message, { code: told.code });
      yield { kind: "chunk", chunk: chunk as ChatChunk };
    }
  } catch (error) {
    if (isAborted(error) || error instanceof ServerError) throw error;
    throw cut();
  }
  throw cut();
}

function cut(): ServerError {
  return new ServerError("cut", "The connection ended before the answer did. What had arrived is kept.");
}

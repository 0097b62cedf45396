import { create } from "zustand";
import { Answer, failureOf, type Before, type AnswerEnd, type AnswerSnapshot } from "./answer";
import { Frames } from "./frames";
import { newId } from "./message";
import { isAborted } from "@/client/errors";
import { chatEvents } from "@/client/chat";
import type { ChatRequest } from "@/client/types";

/** An answer that arrives now. */
export interface Run extends AnswerSnapshot {
  /** Of the request, as the server's lists show it. */
  requestId: string;
  model: string;
  sentAt: number;
  stop: () => void;
}

interface RunsState {
  /** By the id of the answer's message. */
  runs: Record<string, Run>;
}

export const useRuns = create<RunsState>()(() => ({ runs: {} }));

export interface Watcher {
  /** Once a second: what there is so far, to be kept. */
  onProgress?: (snapshot: AnswerSnapshot) => void;
  onEnd: (end: AnswerEnd) => void;
}

const PROGRESS_MS = 1000;

/** Asks, and shows the answer under `id` until it ends. What came before a failure or a stop is kept. */
export async function runAnswer(
  id: string,
  body: () => ChatRequest,
  watcher: Watcher,
  before: Before = {},
): Promise<void> {
  const controller = new AbortController();
  const requestId = `playground-${newId()}`;
  const answer = new Answer(before);
  const sentAt = Date.now();
  const stop = () => controller.abort();
  let model = "";
  const paint = () => {
    const run: Run = { ...answer.snapshot(), requestId, model, sentAt, stop };
    useRuns.setState((state) => ({ runs: { ...state.runs, [id]: run } }));
  };
  // Not with a frame: what is kept is written down, and that takes its time.
  const progress = setInterval(() => watcher.onProgress?.(answer.snapshot()), PROGRESS_MS);
  const frames = new Frames(paint);
  paint();
  let end: AnswerEnd;
  try {
    const request = body();
    model = request.model ?? "";
    for await (const event of chatEvents(request, controller.signal, requestId)) {
      answer.take(event);
      frames.ask();
    }
    end = answer.end("complete");
  } catch (error) {
    end =
      isAborted(error) || controller.signal.aborted ? answer.end("stopped") : answer.end("failed", failureOf(error));
  } finally {
    frames.cancel();
    clearInterval(progress);
  }
  watcher.onEnd(end);
  useRuns.setState(({ runs }) => {
    const { [id]: _, ...rest } = runs;
    return { runs: rest };
  });
}

export function stopRun(id: string): void {
  useRuns.getState().runs[id]?.stop();
}

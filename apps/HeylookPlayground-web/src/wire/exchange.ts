import { useEffect, useRef, useState } from "react";
import type { WireRequest } from "./dialects";
import { isAborted } from "@/client/errors";
import { stream } from "@/client/http";
import { textOf } from "@/client/sse";
import { Frames } from "@/chat/frames";

export interface Exchange {
  /** What has come, as it came. */
  received: string;
  running: boolean;
  error: unknown;
  send: (request: WireRequest) => void;
  stop: () => void;
}

/** Sends a request and shows the answer's bytes as they arrive. */
export function useExchange(): Exchange {
  const [received, setReceived] = useState("");
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const controller = useRef<AbortController | null>(null);
  useEffect(() => () => controller.current?.abort(), []);

  async function send({ path, body }: WireRequest) {
    controller.current?.abort();
    const mine = new AbortController();
    controller.current = mine;
    let text = "";
    const frames = new Frames(() => setReceived(text));
    setReceived("");
    setError(null);
    setRunning(true);
    try {
      for await (const piece of textOf(await stream(path, body, mine.signal))) {
        text += piece;
        frames.ask();
      }
    } catch (reason) {
      if (!isAborted(reason) && !mine.signal.aborted) setError(reason);
    }
    frames.cancel();
    if (controller.current !== mine) return;
    setReceived(text);
    setRunning(false);
  }

  return { received, running, error, send: (request) => void send(request), stop: () => controller.current?.abort() };
}

import { useEffect, useState } from "react";
import type { ResidencyEvent } from "./types";
import { isAborted } from "@/client/errors";
import { request } from "@/client/http";
import { sseItems } from "@/client/sse";

const SHOWN = 200;
const AGAIN_MS = 3000;

export interface FollowedEvents {
  /** The newest first. */
  events: ResidencyEvent[];
  error: unknown;
  known: boolean;
}

async function follow(signal: AbortSignal, take: (event: ResidencyEvent) => void): Promise<void> {
  const stream = await request<ReadableStream<Uint8Array>>({
    method: "GET",
    url: `/v1/admin/events?follow=true&limit=${SHOWN}`,
    responseType: "stream",
    signal,
  });
  for await (const item of sseItems(stream)) {
    if (item.kind === "event") take(JSON.parse(item.data) as ResidencyEvent);
  }
}

/** What is decided about models in memory, as it happens. A stream that ends is begun anew. */
export function useEvents(): FollowedEvents {
  const [state, setState] = useState<FollowedEvents>({ events: [], error: null, known: false });
  useEffect(() => {
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let pending: ResidencyEvent[] = [];
    let anew = true;
    let frame = 0;
    const show = () => {
      frame = 0;
      const fresh = pending.toReversed();
      pending = [];
      const replaced = anew;
      anew = false;
      setState(({ events }) => ({
        events: [...fresh, ...(replaced ? [] : events)].slice(0, SHOWN),
        error: null,
        known: true,
      }));
    };
    const run = async () => {
      let error: unknown = null;
      anew = true;
      try {
        frame ||= requestAnimationFrame(show);
        await follow(leaving.signal, (event) => {
          pending.push(event);
          frame ||= requestAnimationFrame(show);
        });
      } catch (raised) {
        if (isAborted(raised)) return;
        error = raised;
      }
      if (leaving.signal.aborted) return;
      if (error) setState((before) => ({ ...before, error, known: true }));
      timer = setTimeout(run, AGAIN_MS);
    };
    void run();
    return () => {
      leaving.abort();
      clearTimeout(timer);
      cancelAnimationFrame(frame);
    };
  }, []);
  return state;
}

import type { Performance, Usage } from "@/client/types";

/** What an answer took. Seconds and tokens; null where nobody told. */
export interface Metrics {
  /** From sending until the first piece of text arrived in this browser. */
  firstToken: number | null;
  total: number;
  queue: number | null;
  tokensPerSecond: number | null;
  promptPerSecond: number | null;
  promptTokens: number | null;
  cachedTokens: number | null;
  answerTokens: number | null;
  reasoningTokens: number | null;
}

interface Clock {
  sentAt: number;
  firstAt: number | null;
  endAt: number;
}

/** Times in milliseconds of one clock. The server's own rate is taken where it tells it. */
export function metricsOf(clock: Clock, usage: Usage | null, performance: Performance | null): Metrics {
  const decode = clock.firstAt === null ? 0 : (clock.endAt - clock.firstAt) / 1000;
  const tokens = usage?.completion_tokens ?? null;
  const seen = tokens !== null && tokens > 1 && decode > 0 ? (tokens - 1) / decode : null;
  return {
    firstToken: clock.firstAt === null ? null : (clock.firstAt - clock.sentAt) / 1000,
    total: (clock.endAt - clock.sentAt) / 1000,
    queue: performance?.queue_seconds ?? null,
    tokensPerSecond: performance?.generation_tps ?? seen,
    promptPerSecond: performance?.prompt_tps ?? null,
    promptTokens: usage?.prompt_tokens ?? null,
    cachedTokens: usage?.prompt_tokens_details.cached_tokens ?? null,
    answerTokens: tokens,
    reasoningTokens: usage?.completion_tokens_details.reasoning_tokens ?? null,
  };
}

/** `0.42 s`, `12 s`, `340 ms`. */
export function duration(seconds: number | null): string | null {
  if (seconds === null) return null;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

export function rate(perSecond: number | null): string | null {
  if (perSecond === null) return null;
  return perSecond < 100 ? perSecond.toFixed(1) : String(Math.round(perSecond));
}

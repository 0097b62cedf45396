import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { create } from "zustand";
import type { Performance } from "./data";
import type { Columns } from "./slots";
import { get } from "@/client/http";

const EVERY_MS = 1000;
const KEPT = 300;

/** What the server told at one moment. */
export interface Sample {
  /** Unix time. */
  at: number;
  tokens: number;
  running: number;
  waiting: number;
  memoryGb: number;
}

export function sampleOf({ metrics, summary }: Performance, at: number): Sample {
  return {
    at,
    tokens: metrics.total_tokens_generated,
    running: summary.running,
    waiting: summary.waiting,
    memoryGb: summary.memory_gb,
  };
}

/** Samples in their order; a count that falls is that of a server that has started anew. */
export function appended(samples: Sample[], next: Sample): Sample[] {
  const last = samples.at(-1);
  if (last && next.tokens < last.tokens) return [next];
  if (last && next.at - last.at < EVERY_MS / 2000) return samples;
  return [...samples, next].slice(-KEPT);
}

/** Columns for a chart: time, running, waiting. */
export function columns(samples: Sample[]): Columns {
  return [
    samples.map((sample) => sample.at),
    samples.map((sample) => sample.running),
    samples.map((sample) => sample.waiting),
  ];
}

interface Samples {
  samples: Sample[];
  take: (sample: Sample) => void;
}

/** Outlives the page, so that coming back does not begin anew. */
const useSamples = create<Samples>()((set) => ({
  samples: [],
  take: (sample) => set((state) => ({ samples: appended(state.samples, sample) })),
}));

/** The server's figures, and those of the last minutes while this page was shown. */
export function useLive() {
  const query = useQuery({
    queryKey: ["performance"],
    queryFn: ({ signal }) => get<Performance>("/v1/performance", signal),
    refetchInterval: EVERY_MS,
  });
  const { samples, take } = useSamples();
  const { data, dataUpdatedAt } = query;
  useEffect(() => {
    if (data) take(sampleOf(data, dataUpdatedAt / 1000));
  }, [data, dataUpdatedAt, take]);
  return { query, samples };
}

import { lazy, Suspense, useState } from "react";
import type { ChartProps } from "./Chart";
import { SPANS, useProfile, type Span } from "./data";
import { columns as liveColumns, type Sample } from "./live";
import styles from "./performance.module.css";
import { memoryColumns, requestColumns, speedColumns, timeColumns, type Columns } from "./slots";
import { Busy, EmptyState, ErrorNote, Panel, Select } from "@/components";
import { bytes, count, duration, rate } from "@/format/quantities";

const Drawn = lazy(() => import("./Chart"));

function Chart(props: ChartProps) {
  return (
    <Suspense fallback={<div className={styles.drawing} />}>
      <Drawn {...props} />
    </Suspense>
  );
}

const SPEED = [{ label: "tokens/s", colour: "accent" }];
const LOAD = [
  { label: "running", colour: "accent" },
  { label: "waiting", colour: "warn", dashed: true },
];
const OUTCOMES = [
  { label: "requests", colour: "accent" },
  { label: "failed", colour: "bad", dashed: true },
];
const TIMES = [{ label: "per request", colour: "accent" }];
const MEMORY = [{ label: "held", colour: "accent" }];

const LIVE_SECONDS = 300;

const GIB = 2 ** 30;
const gib = (value: number): string => bytes(value * GIB);

/** What is going on, second by second, while this page is shown. */
export function LiveCharts({ samples }: { samples: Sample[] }) {
  return (
    <Panel title="Now">
      <div className={styles.charts}>
        <Chart
          whole
          title="Requests"
          lines={LOAD}
          columns={liveColumns(samples)}
          seconds={LIVE_SECONDS}
          write={count}
        />
        <Chart
          title="Speed of what ended"
          lines={SPEED}
          columns={speedOf(samples)}
          seconds={LIVE_SECONDS}
          write={rate}
        />
      </div>
    </Panel>
  );
}

/** Tokens per second between samples. Requests are counted when they end, so it is a mean over ten seconds. */
export function speedOf(samples: Sample[]): Columns {
  const window = 10;
  const values = samples.map((sample, at) => {
    const before = samples[Math.max(0, at - window)];
    if (!before || sample.at <= before.at) return null;
    return (sample.tokens - before.tokens) / (sample.at - before.at);
  });
  return [samples.map((sample) => sample.at), values];
}

const SPAN_NAMES: Record<Span, string> = { "1h": "Last hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days" };
const SPAN_SECONDS: Record<Span, number> = { "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800 };
const SPAN_OPTIONS = SPANS.map((value) => ({ value, label: SPAN_NAMES[value] }));

/** The last hours, in the slots that the server keeps. */
export function PastCharts() {
  const [span, setSpan] = useState<Span>("1h");
  const profile = useProfile(span);
  return (
    <Panel
      title="Before"
      actions={
        <Select
          bare
          label="Time range"
          options={SPAN_OPTIONS}
          value={span}
          onChange={(event) => setSpan(event.target.value as Span)}
        />
      }
    >
      {profile.error && <ErrorNote error={profile.error} onRetry={() => void profile.refetch()} />}
      {profile.isPending && <Busy>Asking the server</Busy>}
      {profile.data && !profile.data.trends.length && (
        <EmptyState title="No requests in this time">The server keeps these figures until it ends.</EmptyState>
      )}
      {profile.data && profile.data.trends.length > 0 && (
        <div className={styles.charts}>
          <Chart
            title="Speed"
            lines={SPEED}
            columns={speedColumns(profile.data)}
            seconds={SPAN_SECONDS[span]}
            write={rate}
          />
          <Chart
            whole
            title="Requests"
            lines={OUTCOMES}
            columns={requestColumns(profile.data)}
            seconds={SPAN_SECONDS[span]}
            write={count}
          />
          <Chart
            title="Time"
            lines={TIMES}
            columns={timeColumns(profile.data)}
            seconds={SPAN_SECONDS[span]}
            write={duration}
          />
          <Chart
            title="Memory"
            lines={MEMORY}
            columns={memoryColumns(profile.data)}
            seconds={SPAN_SECONDS[span]}
            write={gib}
          />
        </div>
      )}
    </Panel>
  );
}

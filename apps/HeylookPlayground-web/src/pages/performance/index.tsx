import { Caches } from "./Caches";
import { LiveCharts, PastCharts } from "./Charts";
import type { Performance } from "./data";
import { useLive } from "./live";
import { ModelFigures } from "./ModelFigures";
import styles from "./performance.module.css";
import { LiveRequests, PastRequests } from "./Requests";
import { Busy, ErrorNote, Page } from "@/components";
import { count, duration, percent, rate } from "@/format/quantities";

export default function PerformancePage() {
  const { query, samples } = useLive();
  return (
    <Page title="Performance">
      {query.error && <ErrorNote error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Busy>Asking the server</Busy>}
      {query.data && <Summary {...query.data} />}
      <LiveCharts samples={samples} />
      <LiveRequests />
      <PastCharts />
      <Caches />
      {query.data && <ModelFigures metrics={query.data.metrics} />}
      <PastRequests />
    </Page>
  );
}

/** The figures that are asked for first. */
function Summary({ metrics, summary }: Performance) {
  const figures: [string, string][] = [
    ["Requests", count(summary.total_requests)],
    ["Failed", percent(summary.error_rate)],
    ["Tokens/s", rate(metrics.average_tokens_per_second)],
    ["First token", duration(metrics.average_time_to_first_token)],
    ["From the cache", percent(summary.cache_hit_rate)],
    ["Up for", duration(summary.uptime_seconds)],
  ];
  return (
    <dl className={styles.summary} aria-label="Since the start">
      {figures.map(([label, value]) => (
        <div key={label} className={styles.figure}>
          <dt>{label}</dt>
          <dd data-volatile>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

import { useCaches, useClearCaches, useRequests } from "./data";
import styles from "./performance.module.css";
import { reasonsOf, type ReuseReason } from "./reuse";
import { Table, type Column } from "./Table";
import type { AdminCache } from "@/admin/types";
import { Button, Busy, EmptyState, ErrorNote, Panel } from "@/components";
import { bytes, count, percent } from "@/format/quantities";

const CACHES: Column<AdminCache>[] = [
  { title: "Model", cell: (row) => row.model },
  { title: "Kept", number: true, cell: (row) => count(row.entries) },
  { title: "Size", number: true, cell: (row) => bytes(row.bytes) },
  { title: "Lookups", number: true, cell: (row) => count(row.lookups) },
  { title: "Hits", number: true, cell: (row) => (row.lookups ? percent(row.hits / row.lookups) : "–") },
  { title: "Evicted", number: true, cell: (row) => bytes(row.evicted_bytes) },
];

const REASONS: Column<ReuseReason>[] = [
  { title: "Why it was not more", cell: (row) => row.why },
  { title: "Requests", number: true, cell: (row) => count(row.requests) },
  { title: "Prompt tokens", number: true, cell: (row) => count(row.promptTokens) },
  { title: "From the cache", number: true, cell: (row) => percent(row.cachedTokens / row.promptTokens) },
];

/** What is kept of prompts, and why the last requests found no more of it. */
export function Caches() {
  const caches = useCaches();
  const clear = useClearCaches();
  const requests = useRequests();
  const reasons = reasonsOf(requests.data?.recent ?? []);
  const rows = caches.data?.caches ?? [];
  return (
    <Panel
      title="Kept prompts"
      actions={
        <Button small icon="trash" busy={clear.isPending} disabled={!rows.length} onClick={() => clear.mutate()}>
          Drop all
        </Button>
      }
    >
      <div className={styles.stack}>
        {caches.error && <ErrorNote error={caches.error} onRetry={() => void caches.refetch()} />}
        {clear.error && <ErrorNote error={clear.error} />}
        {caches.isPending && <Busy>Asking the server</Busy>}
        {caches.data && !rows.length && (
          <EmptyState title="No model is in memory">Each loaded model keeps the beginnings of its prompts.</EmptyState>
        )}
        {rows.length > 0 && (
          <Table label="Kept prompts by model" columns={CACHES} rows={rows} keyOf={(row) => row.model} />
        )}
        {reasons.length > 0 && (
          <Table label="Reuse of the last requests" columns={REASONS} rows={reasons} keyOf={(row) => row.why} />
        )}
      </div>
    </Panel>
  );
}

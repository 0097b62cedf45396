import { useCancel, useRequests } from "./data";
import styles from "./performance.module.css";
import { Table, type Column } from "./Table";
import type { LiveRequest, RequestRecord } from "@/admin/types";
import { Badge, Button, Busy, EmptyState, ErrorNote, Panel, type Tone } from "@/components";
import { clock, count, duration, rate } from "@/format/quantities";

const PHASES: Record<LiveRequest["phase"], { tone: Tone; text: string }> = {
  loading: { tone: "warn", text: "model loads" },
  queued: { tone: "warn", text: "queued" },
  prompt: { tone: "accent", text: "reads prompt" },
  answering: { tone: "good", text: "answers" },
};

const NOW: Column<LiveRequest>[] = [
  { title: "State", cell: ({ phase }) => <Badge tone={PHASES[phase].tone}>{PHASES[phase].text}</Badge> },
  { title: "Model", cell: (row) => row.model },
  { title: "API", cell: (row) => `${row.dialect}, ${row.kind}` },
  { title: "Prompt", number: true, cell: promptOf },
  { title: "For", number: true, cell: (row) => <span data-volatile>{duration(row.seconds)}</span> },
  { title: "Action", cell: (row) => <EndButton id={row.id} /> },
];

/** Requests that run and wait; each can be ended. */
export function LiveRequests() {
  const { data, error, isPending, refetch } = useRequests();
  const rows = data ? [...data.running, ...data.queued] : [];
  return (
    <Panel title={`Requests now${rows.length ? ` (${rows.length})` : ""}`}>
      {error && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {isPending && <Busy>Asking the server</Busy>}
      {data && !rows.length && <EmptyState title="Nothing runs and nothing waits" />}
      {rows.length > 0 && <Table label="Requests that run or wait" columns={NOW} rows={rows} keyOf={(row) => row.id} />}
    </Panel>
  );
}

function EndButton({ id }: { id: string }) {
  const cancel = useCancel();
  return (
    <Button
      small
      kind="danger"
      icon="stop"
      busy={cancel.isPending}
      aria-label={`End the request ${id}`}
      title={cancel.error?.message}
      onClick={() => cancel.mutate(id)}
    >
      {cancel.error ? "Not ended" : "End"}
    </Button>
  );
}

function promptOf({ prompt_done: done, prompt_tokens: all }: LiveRequest): string {
  if (!all) return "–";
  return done && done < all ? `${count(done)} of ${count(all)}` : count(all);
}

const OUTCOMES: Record<RequestRecord["outcome"], Tone> = { ok: "good", failed: "bad", cancelled: "warn" };
const SHOWN = 30;

const PAST: Column<RequestRecord>[] = [
  { title: "At", cell: (row) => <span data-volatile>{clock(row.at)}</span> },
  {
    title: "Outcome",
    cell: (row) => <Badge tone={OUTCOMES[row.outcome]}>{row.error ?? row.finish ?? row.outcome}</Badge>,
  },
  { title: "Model", cell: (row) => row.model },
  { title: "API", cell: (row) => `${row.dialect}, ${row.kind}` },
  { title: "Prompt", number: true, cell: (row) => count(row.prompt_tokens) },
  { title: "Cached", number: true, cell: (row) => count(row.cached_tokens) },
  { title: "Answer", number: true, cell: (row) => count(row.completion_tokens) },
  { title: "First", number: true, cell: (row) => seconds(row.first_token_seconds) },
  { title: "Tokens/s", number: true, cell: (row) => <span data-volatile>{speedOf(row)}</span> },
  { title: "Whole", number: true, cell: (row) => seconds(row.total_seconds) },
];

function seconds(value: number) {
  return value ? <span data-volatile>{duration(value)}</span> : "–";
}

/** As the server counts it: what came after the first token by the time it took. */
function speedOf(row: RequestRecord): string {
  return row.decode_seconds > 0 && row.completion_tokens > 1
    ? rate((row.completion_tokens - 1) / row.decode_seconds)
    : "–";
}

/** The last requests, the newest first. */
export function PastRequests() {
  const { data } = useRequests();
  if (!data?.recent.length) return null;
  const rows = data.recent.slice(0, SHOWN);
  return (
    <Panel title="Last requests" className={styles.wide}>
      <Table label="The last requests" columns={PAST} rows={rows} keyOf={(row) => `${row.request_id} ${row.at}`} />
    </Panel>
  );
}

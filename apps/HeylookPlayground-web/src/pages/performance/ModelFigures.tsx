import type { ModelPerformance, Performance } from "./data";
import { Table, type Column } from "./Table";
import { EmptyState, Panel } from "@/components";
import { count, duration, percent, rate } from "@/format/quantities";

type Row = [id: string, figures: ModelPerformance];

const COLUMNS: Column<Row>[] = [
  { title: "Model", cell: ([id]) => id },
  { title: "Requests", number: true, cell: ([, row]) => count(row.requests) },
  { title: "Failed", number: true, cell: ([, row]) => count(row.failed) },
  { title: "Tokens/s", number: true, cell: ([, row]) => <span data-volatile>{rate(row.avg_tokens_per_second)}</span> },
  {
    title: "First token",
    number: true,
    cell: ([, row]) => <span data-volatile>{duration(row.average_time_to_first_token)}</span>,
  },
  { title: "Prompt tokens", number: true, cell: ([, row]) => count(row.prompt_tokens) },
  { title: "From the cache", number: true, cell: ([, row]) => percent(row.cache_hit_rate) },
  { title: "Loads", number: true, cell: ([, row]) => count(row.loads) },
];

/** Each model since the server started. */
export function ModelFigures({ metrics }: { metrics: Performance["metrics"] }) {
  const rows = Object.entries(metrics.models);
  return (
    <Panel title="Models since the start">
      {rows.length ? (
        <Table label="Figures by model" columns={COLUMNS} rows={rows} keyOf={([id]) => id} />
      ) : (
        <EmptyState title="No requests yet" />
      )}
    </Panel>
  );
}

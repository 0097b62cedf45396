import { useEffect, useState } from "react";
import styles from "./models.module.css";
import type { ModelRow, RowState } from "./rows";
import { useModelAction } from "@/admin/resident";
import type { AdminModel } from "@/admin/types";
import { Badge, Button, ErrorNote, Metric, MetricList, Progress, type Tone } from "@/components";
import { bytes, clock, count, duration } from "@/format/quantities";
import { CapabilityBadges } from "@/picker/CapabilityBadges";

const STATES: Record<RowState, { tone: Tone; text: string }> = {
  absent: { tone: "neutral", text: "Not loaded" },
  loading: { tone: "accent", text: "Loading" },
  ready: { tone: "good", text: "Loaded" },
  leaving: { tone: "warn", text: "Leaves when idle" },
  hung: { tone: "bad", text: "No sign of life" },
};

/** One model: what it is, where it stands, and what can be done. */
export function ModelItem({ row }: { row: ModelRow }) {
  const act = useModelAction(row.id);
  const state = act.isPending && act.variables === "load" && row.state === "absent" ? "loading" : row.state;
  const { tone, text } = STATES[state];
  return (
    <li className={styles.item} aria-label={row.id}>
      <div className={styles.what}>
        <p className={styles.name}>
          <span>{row.id}</span>
          {row.resident?.pinned && <Badge title="It stays in memory">pinned</Badge>}
        </p>
        {row.description && <p className={styles.description}>{row.description}</p>}
        <CapabilityBadges capabilities={row.capabilities} />
      </div>
      <div className={styles.where}>
        <p className={styles.state} role="status">
          <Badge tone={tone}>{text}</Badge>
          {row.resident && <Flight model={row.resident} />}
        </p>
        {state === "loading" && <Loading id={row.id} />}
        {row.resident?.detail && <p className={styles.description}>{row.resident.detail}</p>}
        <Figures row={row} />
      </div>
      <div className={styles.action}>
        {state === "absent" || state === "loading" ? (
          <Button small busy={state === "loading"} aria-label={`Load ${row.id}`} onClick={() => act.mutate("load")}>
            Load
          </Button>
        ) : (
          <Button
            small
            busy={act.isPending || state === "leaving"}
            aria-label={`Unload ${row.id}`}
            onClick={() => act.mutate("unload")}
          >
            Unload
          </Button>
        )}
      </div>
      {act.error && (
        <div className={styles.failure}>
          <ErrorNote error={act.error} onRetry={() => act.variables && act.mutate(act.variables)} />
        </div>
      )}
    </li>
  );
}

function Flight({ model }: { model: AdminModel }) {
  if (!model.in_flight) return null;
  return <span className={styles.description}>{`${model.in_flight} running`}</span>;
}

/** The server tells no share of a load, so its time is shown. */
function Loading({ id }: { id: string }) {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((before) => before + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <div className={styles.loading}>
      <Progress label={`Loading ${id}`} />
      <span data-volatile>{duration(seconds)}</span>
    </div>
  );
}

function Figures({ row }: { row: ModelRow }) {
  const { resident } = row;
  return (
    <MetricList label={`Figures of ${row.id}`}>
      {row.provider && <Metric label="backend" value={row.provider} />}
      {row.context !== null && <Metric label="context" value={count(row.context)} />}
      {resident ? (
        <>
          <Metric label="weights" value={bytes(resident.weights_bytes)} />
          <Metric label="kept" value={bytes(resident.kept_bytes)} title="Kept prefixes of prompts" />
          <Metric label="reserved" value={bytes(resident.reserved_bytes)} title="What the budget counts" />
          {resident.expires_at !== null && <Metric label="leaves at" value={clock(resident.expires_at)} />}
        </>
      ) : (
        Boolean(row.sizeBytes) && <Metric label="size" value={bytes(row.sizeBytes ?? 0)} />
      )}
    </MetricList>
  );
}

import styles from "./models.module.css";
import { useEvents } from "@/admin/events";
import type { ResidencyEvent } from "@/admin/types";
import { Badge, Busy, EmptyState, ErrorNote, Panel, type Tone } from "@/components";
import { bytes, clock, duration } from "@/format/quantities";

const TONES: Partial<Record<ResidencyEvent["decision"], Tone>> = {
  loaded: "good",
  loading: "accent",
  failed: "bad",
  refused: "bad",
  lost: "bad",
  hung: "bad",
  evicted: "warn",
  yielding: "warn",
  shrunk: "warn",
};

/** What was decided about models in memory, the newest first. */
export function EventList() {
  const { events, error, known } = useEvents();
  return (
    <Panel title="What happened">
      {error !== null && <ErrorNote error={error} />}
      {!known && <Busy>Asking the server</Busy>}
      {known && error === null && !events.length && (
        <EmptyState title="Nothing yet">
          Loads, evictions and refusals will be listed here, each with its reason.
        </EmptyState>
      )}
      {events.length > 0 && (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the keyboard scrolls it
        <ol className={styles.events} aria-label="Events" tabIndex={0}>
          {events.map((event) => (
            <Event key={`${event.at} ${event.model} ${event.decision}`} event={event} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Event({ event }: { event: ResidencyEvent }) {
  const figures = [event.bytes ? bytes(event.bytes) : "", event.seconds ? duration(event.seconds) : ""];
  return (
    <li className={styles.event}>
      <time data-volatile>{clock(event.at)}</time>
      <Badge tone={TONES[event.decision]}>{event.decision}</Badge>
      <span className={styles.subject}>{event.model}</span>
      <span className={styles.reason}>{event.reason}</span>
      <span className={styles.figures} data-volatile>
        {figures.filter(Boolean).join(", ")}
      </span>
    </li>
  );
}

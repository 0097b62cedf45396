import styles from "./models.module.css";
import { useReload } from "@/admin/resident";
import type { AdminReloaded } from "@/admin/types";
import { Button, ErrorNote, IconButton } from "@/components";

type Reload = ReturnType<typeof useReload>;

export function ReloadButton({ reload }: { reload: Reload }) {
  return (
    <Button
      small
      icon="refresh"
      busy={reload.isPending}
      title="models.yaml and the model folders"
      onClick={() => reload.mutate()}
    >
      Read settings again
    </Button>
  );
}

/** What a reload has come to, until it is put away. */
export function ReloadOutcome({ reload }: { reload: Reload }) {
  if (reload.error) return <ErrorNote error={reload.error} onRetry={() => reload.mutate()} />;
  if (!reload.data) return null;
  return (
    <div className={styles.outcome} role="status">
      <p>{told(reload.data)}</p>
      <IconButton small icon="close" label="Put away" onClick={() => reload.reset()} />
    </div>
  );
}

function told(found: AdminReloaded): string {
  const changes = [
    ["Added", found.added],
    ["Changed", found.changed],
    ["Removed", found.removed],
    ["When idle", found.when_idle],
    ["After a restart", found.restart_needed],
  ] as const;
  const lists = changes.filter(([, names]) => names.length).map(([word, names]) => `${word}: ${names.join(", ")}.`);
  return lists.length ? lists.join(" ") : "The settings were read again; nothing has changed.";
}

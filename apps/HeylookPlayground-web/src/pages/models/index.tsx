import { useState } from "react";
import { EventList } from "./EventList";
import { MemoryPanel } from "./MemoryPanel";
import { ModelItem } from "./ModelItem";
import styles from "./models.module.css";
import { PullDialog } from "./PullDialog";
import { ReloadButton, ReloadOutcome } from "./Reload";
import { rowsOf, type ModelRow } from "./rows";
import { useReload, useResident } from "@/admin/resident";
import { useModels } from "@/client/models";
import { Busy, Button, EmptyState, ErrorNote, Page, Panel } from "@/components";

export default function ModelsPage() {
  const [pulling, setPulling] = useState(false);
  const reload = useReload();
  const models = useModels();
  const resident = useResident();
  const error = models.error ?? resident.error;
  const rows = rowsOf(models.data ?? [], resident.data?.models ?? []);
  return (
    <Page
      title="Models"
      actions={
        <>
          <ReloadButton reload={reload} />
          <Button small icon="download" onClick={() => setPulling(true)}>
            Pull a model
          </Button>
        </>
      }
    >
      <ReloadOutcome reload={reload} />
      {error && (
        <ErrorNote
          error={error}
          onRetry={() => {
            void models.refetch();
            void resident.refetch();
          }}
        />
      )}
      {resident.data && <MemoryPanel {...resident.data} />}
      {!models.error && (
        <Panel title="Catalogue">
          {models.isPending && <Busy>Asking the server</Busy>}
          {models.isSuccess && <Catalogue rows={rows} />}
        </Panel>
      )}
      {!error && <EventList />}
      {pulling && <PullDialog onClose={() => setPulling(false)} />}
    </Page>
  );
}

function Catalogue({ rows }: { rows: ModelRow[] }) {
  if (!rows.length) {
    return (
      <EmptyState title="The server has no models">
        Pull one, or add one to models.yaml and read the settings again.
      </EmptyState>
    );
  }
  return (
    <ul className={styles.catalogue} aria-label="Models">
      {rows.map((row) => (
        <ModelItem key={row.id} row={row} />
      ))}
    </ul>
  );
}

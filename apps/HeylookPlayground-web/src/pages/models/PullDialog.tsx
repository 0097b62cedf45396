import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import styles from "./models.module.css";
import { pull } from "./pull";
import type { PullProgress } from "@/admin/types";
import { isAborted } from "@/client/errors";
import { CATALOGUE } from "@/client/models";
import { Button, Dialog, ErrorNote, Progress, TextField } from "@/components";
import { bytes } from "@/format/quantities";

const STAGES: Record<PullProgress["stage"], string> = {
  listed: "Found",
  fetching: "Fetching",
  recognising: "Looking at what it is",
  done: "It is served now",
};

/** Fetches a model from the hub. Closing ends the transfer; what has arrived is kept for the next one. */
export function PullDialog({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [progress, setProgress] = useState<PullProgress | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [running, setRunning] = useState(false);
  const leaving = useRef<AbortController | null>(null);
  useEffect(() => () => leaving.current?.abort(), []);

  async function start() {
    const controller = new AbortController();
    leaving.current = controller;
    setRunning(true);
    setError(null);
    setProgress(null);
    try {
      await pull(name.trim(), controller.signal, setProgress);
      await queries.invalidateQueries({ queryKey: CATALOGUE });
    } catch (raised) {
      if (!isAborted(raised)) setError(raised);
    } finally {
      setRunning(false);
    }
  }

  return (
    <Dialog
      title="Pull a model"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button kind="primary" busy={running} disabled={!name.trim()} type="submit" form="pull">
            Pull
          </Button>
        </>
      }
    >
      <form
        id="pull"
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <TextField
          label="Model"
          placeholder="ORG/NAME or ORG/NAME:file"
          hint="From the hub that the server uses. The form with a file names one of several GGUF files."
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </form>
      {progress && <Transfer progress={progress} />}
      {error !== null && <ErrorNote error={error} />}
    </Dialog>
  );
}

function Transfer({ progress }: { progress: PullProgress }) {
  const { stage, file, all_done, all_total } = progress;
  return (
    <div className={styles.transfer} role="status">
      <p>{`${STAGES[stage]}${stage === "fetching" && file ? ` ${file}` : ""}`}</p>
      <Progress label="Pulled" value={all_done} total={all_total} />
      <p className={styles.description}>{`${bytes(all_done)} of ${bytes(all_total)}`}</p>
    </div>
  );
}

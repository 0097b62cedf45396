import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import styles from "./Answer.module.css";
import type { Run } from "@/chat/runs";
import { placeOf } from "@/client/requests";
import { useModels } from "@/client/models";
import { Busy, Progress } from "@/components";

/** After so long it is worth asking what an answer waits for. */
const PATIENCE_MS = 1000;

/** What goes on while nothing of the answer is there. */
export function AnswerStatus({ run }: { run: Run }) {
  const { phase } = run;
  if (phase.kind === "answering" || phase.kind === "thinking") {
    return <span className={styles.caret} aria-hidden="true" />;
  }
  if (phase.kind === "reading") {
    return (
      <div className={styles.reading}>
        <Busy>
          Reading the prompt: {phase.done} of {phase.total} tokens
        </Busy>
        <Progress label="Prompt" value={phase.done} total={phase.total} />
      </div>
    );
  }
  return <Waiting run={run} />;
}

function Waiting({ run }: { run: Run }) {
  const [long, setLong] = useState(() => Date.now() - run.sentAt > PATIENCE_MS);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  const models = useModels();
  const place = useQuery({
    queryKey: ["place", run.requestId],
    queryFn: ({ signal }) => placeOf(run.requestId, signal),
    enabled: long,
    refetchInterval: 1000,
    retry: false,
  });
  const model = models.data?.find((it) => it.id === run.model);
  if (place.data?.before) return <Busy>Waiting: {place.data.before} before this one in the queue</Busy>;
  if (place.data?.running) return <Busy>The model is at work</Busy>;
  if (model && !model.loaded) return <Busy>Loading {model.id}</Busy>;
  return <Busy>Waiting for the first token</Busy>;
}

import type { useModels } from "@/client/models";
import { Busy, EmptyState, ErrorNote } from "@/components";
import styles from "./Thread.module.css";

interface WelcomeProps {
  models: ReturnType<typeof useModels>;
  model: string | null;
}

/** What stands in the place of messages before the first one. */
export function Welcome({ models, model }: WelcomeProps) {
  const chosen = models.data?.find((it) => it.id === model);
  return (
    <div className={styles.welcome}>
      {models.isPending && !models.error && <Busy>Asking the server for its models</Busy>}
      {models.error && <ErrorNote error={models.error} onRetry={() => void models.refetch()} />}
      {models.data?.length === 0 && (
        <EmptyState title="The server has no models">
          Give it some with <code>heylookllm import</code> or <code>heylookllm pull</code>.
        </EmptyState>
      )}
      {chosen && (
        <EmptyState title={`Ask ${chosen.id}`}>
          {chosen.description}
          {!chosen.loaded && <p>It is loaded with the first question.</p>}
        </EmptyState>
      )}
    </div>
  );
}

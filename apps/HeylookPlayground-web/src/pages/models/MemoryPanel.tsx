import styles from "./models.module.css";
import type { AdminModel, AdminModels } from "@/admin/types";
import { Metric, MetricList, Panel } from "@/components";
import { bytes, percent } from "@/format/quantities";

/** How much of the budget is reserved, and by whom. */
export function MemoryPanel({ models, memory }: AdminModels) {
  const budget = memory.budget_bytes;
  const share = budget ? memory.reserved_bytes / budget : 0;
  const held = models.reduce((sum, model) => sum + model.total_bytes, 0);
  return (
    <Panel title="Memory">
      <div className={styles.memory}>
        <div
          className={styles.bar}
          role="meter"
          aria-label="Reserved of the memory budget"
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(share * 100)}
          aria-valuetext={`${bytes(memory.reserved_bytes)} of ${bytes(budget)}`}
        >
          {models.map((model) => (
            <Part key={model.id} model={model} budget={budget} />
          ))}
        </div>
        <MetricList label="Memory">
          <Metric
            label="reserved"
            title="What the models may take without asking"
            value={`${bytes(memory.reserved_bytes)} (${percent(share)})`}
          />
          <Metric label="held now" value={bytes(held)} />
          <Metric label="budget" value={bytes(budget)} />
        </MetricList>
      </div>
    </Panel>
  );
}

/** What a model has reserved, and within it what it holds now. */
function Part({ model, budget }: { model: AdminModel; budget: number }) {
  const { reserved_bytes: reserved, total_bytes: held } = model;
  if (!reserved || !budget) return null;
  return (
    <div
      className={styles.part}
      style={{ width: `${Math.min((reserved / budget) * 100, 100)}%` }}
      title={`${model.id}: ${bytes(held)} held, ${bytes(reserved)} reserved`}
    >
      <div className={styles.held} style={{ width: `${Math.min((held / reserved) * 100, 100)}%` }} />
    </div>
  );
}

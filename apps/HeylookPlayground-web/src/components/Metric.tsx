import styles from "./Metric.module.css";

interface MetricProps {
  label: string;
  /** A dash stands for what is not known. */
  value: string | number | null | undefined;
  unit?: string;
  title?: string;
}

/** One number with its name. Inside a `MetricList`. */
export function Metric({ label, value, unit, title }: MetricProps) {
  const known = value !== null && value !== undefined;
  return (
    <div className={styles.metric} title={title}>
      <dt>{label}</dt>
      <dd data-metric={label}>
        {known ? value : "–"}
        {known && unit && <span className={styles.unit}> {unit}</span>}
      </dd>
    </div>
  );
}

export function MetricList({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <dl className={styles.list} aria-label={label}>
      {children}
    </dl>
  );
}

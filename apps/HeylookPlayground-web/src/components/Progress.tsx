import styles from "./Progress.module.css";

/** A bar of `value` out of `total`; without a value it says only that something goes on. */
export function Progress({ label, value, total }: { label: string; value?: number; total?: number }) {
  const share = value !== undefined && total ? Math.min(1, value / total) : null;
  return (
    <div
      className={styles.track}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={share === null ? undefined : Math.round(share * 100)}
    >
      <div
        className={styles.bar}
        data-unknown={share === null || undefined}
        style={{ width: `${(share ?? 0.3) * 100}%` }}
      />
    </div>
  );
}

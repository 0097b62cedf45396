import styles from "./Busy.module.css";

/** Something goes on; the text says what. */
export function Busy({ children }: { children: React.ReactNode }) {
  return (
    <span className={styles.busy} role="status">
      <span className={styles.dots} aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span>{children}</span>
    </span>
  );
}

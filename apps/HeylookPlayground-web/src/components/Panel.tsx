import type { ReactNode } from "react";
import styles from "./Panel.module.css";
import { classes } from "./classes";

interface PanelProps {
  title?: string;
  actions?: ReactNode;
  className?: string;
  children: ReactNode;
}

/** A framed part of a page. */
export function Panel({ title, actions, className, children }: PanelProps) {
  return (
    <section className={classes(styles.panel, className)} aria-label={title}>
      {(title || actions) && (
        <header className={styles.header}>
          {title && <h2>{title}</h2>}
          {actions && <div className={styles.actions}>{actions}</div>}
        </header>
      )}
      <div className={styles.body}>{children}</div>
    </section>
  );
}

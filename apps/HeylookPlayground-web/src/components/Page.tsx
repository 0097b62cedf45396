import type { ReactNode } from "react";
import styles from "./Page.module.css";

interface PageProps {
  title: string;
  actions?: ReactNode;
  /** The content fills the page to its edges and scrolls by itself. */
  full?: boolean;
  children: ReactNode;
}

/** A page beside the sidebar: its title, what can be done, its content. */
export function Page({ title, actions, full, children }: PageProps) {
  return (
    <>
      <header className={styles.header}>
        <h1>{title}</h1>
        {actions && <div className={styles.actions}>{actions}</div>}
      </header>
      {full ? <div className={styles.full}>{children}</div> : <Scrolled title={title}>{children}</Scrolled>}
    </>
  );
}

/** It may be focused, so that the keyboard can scroll it. */
function Scrolled({ title, children }: { title: string; children: ReactNode }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={styles.scroll} tabIndex={0} role="region" aria-label={title}>
      <div className={styles.content}>{children}</div>
    </div>
  );
}

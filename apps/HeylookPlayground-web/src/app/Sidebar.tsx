import { useState } from "react";
import { Link, useLocation } from "wouter";
import { NEXT, useTheme } from "./theme";
import styles from "./Sidebar.module.css";
import { useHealth } from "@/client/health";
import { classes, Icon, IconButton } from "@/components";
import { pages } from "@/pages";

const THEME_ICON = { system: "screen", light: "sun", dark: "moon" } as const;

export function Sidebar() {
  const [open, setOpen] = useState(false);
  const [location] = useLocation();
  const { theme, choose } = useTheme();
  const here = location === "/" ? `/${pages[0]?.name}` : location;
  return (
    <>
      <div className={styles.toggle}>
        <IconButton
          icon={open ? "close" : "menu"}
          label={open ? "Close the menu" : "Open the menu"}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        />
      </div>
      <header className={classes(styles.sidebar, open && styles.open)}>
        <p className={styles.brand}>heylook</p>
        <nav aria-label="Pages" className={styles.nav}>
          {pages.map((page) => (
            <Link
              key={page.name}
              href={`/${page.name}`}
              className={styles.link}
              aria-current={here.startsWith(`/${page.name}`) ? "page" : undefined}
              onClick={() => setOpen(false)}
            >
              <Icon name={page.icon} />
              {page.title}
            </Link>
          ))}
        </nav>
        <div className={styles.footer}>
          <Connection />
          <IconButton small icon={THEME_ICON[theme]} label={`Theme: ${theme}`} onClick={() => choose(NEXT[theme])} />
        </div>
      </header>
    </>
  );
}

const STATES = { ok: "Connected", degraded: "Degraded", stopping: "Stopping" } as Record<string, string>;

function Connection() {
  const { data, status, error } = useHealth();
  const state = status === "error" ? "offline" : status === "pending" ? "pending" : data.status;
  const text = { offline: "Not connected", pending: "Connecting" }[state] ?? STATES[state] ?? state;
  return (
    <p className={styles.connection} data-state={state} role="status" title={error?.message}>
      <span aria-hidden="true" />
      {text}
    </p>
  );
}

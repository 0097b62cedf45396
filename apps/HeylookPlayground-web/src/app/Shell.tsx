import { Suspense } from "react";
import { Redirect, Route, Router, Switch } from "wouter";
import { useHashLocation } from "wouter/use-hash-location";
import { Boundary } from "./Boundary";
import { Sidebar } from "./Sidebar";
import styles from "./Shell.module.css";
import { Busy, EmptyState } from "@/components";
import { pages } from "@/pages";

/** The fixed sidebar, and the page that the address names. */
export function Shell() {
  return (
    // oxlint-disable-next-line react/hooks -- wouter takes it as a value
    <Router hook={useHashLocation}>
      <div className={styles.shell}>
        <Sidebar />
        <main className={styles.main}>
          <Switch>
            <Route path="/">
              <Redirect to={`/${pages[0]?.name}`} replace />
            </Route>
            {pages.map((page) => (
              <Route key={page.name} path={`/${page.name}/*?`}>
                <Boundary key={page.name}>
                  <Suspense fallback={<Loading title={page.title} />}>
                    <page.component />
                  </Suspense>
                </Boundary>
              </Route>
            ))}
            <Route>
              <EmptyState title="There is no such page">The sidebar has all pages.</EmptyState>
            </Route>
          </Switch>
        </main>
      </div>
    </Router>
  );
}

function Loading({ title }: { title: string }) {
  return (
    <div className={styles.loading}>
      <Busy>Loading {title}</Busy>
    </div>
  );
}

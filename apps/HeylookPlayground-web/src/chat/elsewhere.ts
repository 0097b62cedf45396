import { create } from "zustand";
import { saveNow } from "./conversations";
import { newId } from "./message";
import { stopRun, useRuns } from "./runs";
import { inTurn } from "./storage/turns";
import { listen, tell, type Notice } from "./tabs";

interface ElsewhereState {
  /** The messages whose text arrives in another tab. */
  answers: ReadonlySet<string>;
}

export const useElsewhere = create<ElsewhereState>()(() => ({ answers: new Set() }));

const tab = newId();
const others = new Map<string, string[]>();

/** Asks the tab that has this answer to stop it. One that does not hear any more is not waited for. */
export function stopElsewhere(answer: string): void {
  tell({ kind: "stop", answer });
  for (const [name, answers] of others) {
    others.set(
      name,
      answers.filter((it) => it !== answer),
    );
  }
  show();
}

function show(): void {
  useElsewhere.setState({ answers: new Set([...others.values()].flat()) });
}

let running: string[] = [];

function announce(): void {
  tell({ kind: "running", tab, answers: running });
}

function hear(notice: Notice): void {
  if (notice.kind === "hello") announce();
  else if (notice.kind === "stop") stopRun(notice.answer);
  else if (notice.kind === "running") {
    if (notice.answers.length) others.set(notice.tab, notice.answers);
    else others.delete(notice.tab);
    // What was written of an answer that has ended is read first.
    void inTurn(async () => show());
  }
}

let following = false;

/** Tells the other tabs which answers arrive here, and hears which arrive there. */
export function followTabs(): void {
  if (following) return;
  following = true;
  listen(hear);
  useRuns.subscribe(({ runs }) => {
    const now = Object.keys(runs);
    if (now.length === running.length && now.every((id) => running.includes(id))) return;
    const ended = running.some((id) => !runs[id]);
    running = now;
    if (ended) void saveNow().finally(announce);
    else announce();
  });
  window.addEventListener("pagehide", () => tell({ kind: "running", tab, answers: [] }));
  tell({ kind: "hello" });
}

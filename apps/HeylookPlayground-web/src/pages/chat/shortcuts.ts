import { useEffect, useRef } from "react";

export interface ShortcutActions {
  newConversation: () => void;
  search: () => void;
  help: () => void;
}

/** What the dialog lists. Those of the page are bound here, the others where they belong. */
export const SHORTCUTS: readonly { keys: string; does: string }[] = [
  { keys: "Enter", does: "Send" },
  { keys: "Shift Enter", does: "New line" },
  { keys: "Escape", does: "Stop the answer; leave an edit" },
  { keys: "Arrow up", does: "Edit the last question, in an empty field" },
  { keys: "Ctrl Shift O", does: "New conversation" },
  { keys: "Ctrl K", does: "Search the conversations" },
  { keys: "Ctrl M", does: "Choose a model" },
  { keys: "Ctrl /", does: "This list" },
];

export function isCommand(event: KeyboardEvent | React.KeyboardEvent): boolean {
  return (event.ctrlKey || event.metaKey) && !event.altKey;
}

export function useShortcuts(actions: ShortcutActions): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (!isCommand(event)) return;
      const key = event.key.toLowerCase();
      const action =
        key === "o" && event.shiftKey
          ? latest.current.newConversation
          : { k: latest.current.search, "/": latest.current.help }[key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);
}

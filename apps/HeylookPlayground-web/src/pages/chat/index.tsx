import { useEffect, useRef, useState } from "react";
import { useLocation, useRoute } from "wouter";
import { ConversationColumn } from "./ConversationColumn";
import { ConversationView } from "./ConversationView";
import { useShortcuts } from "./shortcuts";
import { ShortcutsDialog } from "./ShortcutsDialog";
import styles from "./chat.module.css";
import { openConversation, openStorageOnce, saveNow, useConversations } from "@/chat/conversations";
import { followTabs } from "@/chat/elsewhere";
import { classes, IconButton } from "@/components";

export default function ChatPage() {
  const [, params] = useRoute("/chat/:id");
  const [, navigate] = useLocation();
  const id = params?.id ?? null;
  const [listOpen, setListOpen] = useState(() => window.innerWidth > 1000);
  const [helpOpen, setHelpOpen] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const ready = useStorage();

  useEffect(() => {
    if (ready && id) void openConversation(id);
  }, [ready, id]);

  useShortcuts({
    newConversation: () => navigate("/chat"),
    search: () => {
      setListOpen(true);
      requestAnimationFrame(() => search.current?.focus());
    },
    help: () => setHelpOpen(true),
  });

  return (
    <div className={styles.columns}>
      <div className={classes(styles.listColumn, !listOpen && styles.closed)}>
        <ConversationColumn current={id} searchRef={search} onHelp={() => setHelpOpen(true)} />
      </div>
      <div className={styles.threadColumn}>
        <ConversationView
          key={id ?? "new"}
          id={id}
          ready={ready}
          toggle={
            <IconButton
              icon={listOpen ? "left" : "right"}
              label={listOpen ? "Hide the conversations" : "Show the conversations"}
              aria-expanded={listOpen}
              onClick={() => setListOpen(!listOpen)}
            />
          }
        />
      </div>
      {helpOpen && <ShortcutsDialog onClose={() => setHelpOpen(false)} />}
    </div>
  );
}

/** Opens the storage once, and writes what is left when the page is put away. */
function useStorage(): boolean {
  const opened = useConversations((state) => state.storage.kind !== "opening");
  useEffect(() => {
    void openStorageOnce();
    followTabs();
    const save = () => void saveNow();
    window.addEventListener("pagehide", save);
    document.addEventListener("visibilitychange", save);
    return () => {
      window.removeEventListener("pagehide", save);
      document.removeEventListener("visibilitychange", save);
    };
  }, []);
  return opened;
}

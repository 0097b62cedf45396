import { useDeferredValue, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { ConversationItem } from "./ConversationItem";
import styles from "./ConversationColumn.module.css";
import { TransferButtons } from "./TransferButtons";
import { searchConversations, useConversations } from "@/chat/conversations";
import { Button, IconButton } from "@/components";

interface ConversationColumnProps {
  current: string | null;
  searchRef: React.Ref<HTMLInputElement>;
  onHelp: () => void;
}

/** The conversations of this browser, the newest first. */
export function ConversationColumn({ current, searchRef, onHelp }: ConversationColumnProps) {
  const heads = useConversations((state) => state.heads);
  const [, navigate] = useLocation();
  const [text, setText] = useState("");
  const found = useSearch(text);
  const shown = found ? heads.filter((head) => found.has(head.id)) : heads;
  return (
    <>
      <div className={styles.top}>
        <Button icon="plus" onClick={() => navigate("/chat")} className={styles.new}>
          New conversation
        </Button>
        <input
          ref={searchRef}
          type="search"
          className={styles.search}
          aria-label="Search the conversations"
          placeholder="Search"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") setText("");
          }}
        />
      </div>
      <nav className={styles.list} aria-label="Conversations">
        {shown.length === 0 ? (
          <p className={styles.none}>{text ? "Nothing has these words." : "No conversations yet."}</p>
        ) : (
          <ul>
            {shown.map((head) => (
              <ConversationItem key={head.id} head={head} current={head.id === current} />
            ))}
          </ul>
        )}
      </nav>
      <footer className={styles.bottom}>
        <TransferButtons current={current} />
        <IconButton small icon="keyboard" label="Keyboard" onClick={onHelp} />
      </footer>
    </>
  );
}

/** The ids that have the text; null for no search. */
function useSearch(text: string): Set<string> | null {
  const wanted = useDeferredValue(text.trim());
  const [found, setFound] = useState<Set<string> | null>(null);
  useEffect(() => {
    if (!wanted) return;
    let current = true;
    void searchConversations(wanted).then((ids) => current && setFound(ids));
    return () => {
      current = false;
    };
  }, [wanted]);
  return wanted ? found : null;
}

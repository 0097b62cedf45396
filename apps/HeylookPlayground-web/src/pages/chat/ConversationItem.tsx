import { useCallback, useState } from "react";
import { Link, useLocation } from "wouter";
import styles from "./ConversationColumn.module.css";
import { removeConversation, renameConversation } from "@/chat/conversations";
import type { Head } from "@/chat/storage/database";
import { Badge, Button, Dialog, IconButton } from "@/components";

export function ConversationItem({ head, current }: { head: Head; current: boolean }) {
  const [mode, setMode] = useState<"shown" | "renaming" | "deleting">("shown");
  const [, navigate] = useLocation();
  const done = useCallback(() => setMode("shown"), []);
  if (mode === "renaming") return <RenameForm head={head} onDone={done} />;
  return (
    <li className={styles.item} data-current={current || undefined}>
      <Link href={`/chat/${head.id}`} aria-current={current ? "page" : undefined} title={head.title}>
        {head.title}
        {head.damaged && <Badge tone="bad">damaged</Badge>}
      </Link>
      <span className={styles.itemActions}>
        {!head.damaged && (
          <IconButton small icon="edit" label={`Rename ${head.title}`} onClick={() => setMode("renaming")} />
        )}
        <IconButton small icon="trash" label={`Delete ${head.title}`} onClick={() => setMode("deleting")} />
      </span>
      {mode === "deleting" && (
        <Dialog
          title="Delete the conversation"
          onClose={done}
          footer={
            <>
              <Button onClick={done}>Keep</Button>
              <Button
                kind="danger"
                onClick={() => {
                  void removeConversation(head.id);
                  if (current) navigate("/chat");
                }}
              >
                Delete
              </Button>
            </>
          }
        >
          <p>“{head.title}” is deleted from this browser and cannot be brought back.</p>
        </Dialog>
      )}
    </li>
  );
}

function RenameForm({ head, onDone }: { head: Head; onDone: () => void }) {
  const [title, setTitle] = useState(head.title);
  const save = () => {
    void renameConversation(head.id, title);
    onDone();
  };
  return (
    <li className={styles.item}>
      <form
        className={styles.rename}
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <input
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- it was opened to be used
          autoFocus
          aria-label="Title"
          value={title}
          onChange={(event) => setTitle(event.target.value)}
          onFocus={(event) => event.target.select()}
          onBlur={save}
          onKeyDown={(event) => {
            if (event.key === "Escape") onDone();
          }}
        />
      </form>
    </li>
  );
}

import { useRef, useState } from "react";
import styles from "./ConversationColumn.module.css";
import { addConversations, allConversations, isReadable, saveNow, useConversations } from "@/chat/conversations";
import { exported, imported } from "@/chat/storage/exchange";
import { saveFile } from "@/components/saveFile";
import { Button, Dialog, IconButton } from "@/components";

/** Conversations to a file and back: the open one, or all. */
export function TransferButtons({ current }: { current: string | null }) {
  const input = useRef<HTMLInputElement>(null);
  const [choosing, setChoosing] = useState(false);
  const [told, setTold] = useState<string | null>(null);
  const opened = useConversations((state) => (current ? state.opened[current] : undefined));
  const one = isReadable(opened) && opened.leaf !== null ? opened : null;

  async function importFile(file: File | undefined) {
    if (!file) return;
    try {
      await saveNow();
      const conversations = imported(await file.text());
      await addConversations(conversations);
      setTold(`${conversations.length} imported.`);
    } catch (error) {
      setTold(error instanceof Error ? error.message : String(error));
    }
  }

  async function exportAll() {
    setChoosing(false);
    saveFile("heylook-conversations.json", exported(await allConversations()), "application/json");
  }

  return (
    <div className={styles.transfer}>
      <IconButton small icon="download" label="Export conversations" onClick={() => setChoosing(true)} />
      <IconButton small icon="upload" label="Import conversations" onClick={() => input.current?.click()} />
      <input
        ref={input}
        type="file"
        accept=".json,application/json"
        hidden
        aria-label="File with conversations"
        onChange={({ target }) => {
          void importFile(target.files?.[0]).finally(() => {
            target.value = "";
          });
        }}
      />
      {choosing && (
        <Dialog
          title="Export conversations"
          onClose={() => setChoosing(false)}
          footer={
            <>
              <Button
                disabled={!one}
                onClick={() => {
                  setChoosing(false);
                  if (one) saveFile("heylook-conversation.json", exported([one]), "application/json");
                }}
              >
                The open one
              </Button>
              <Button kind="primary" onClick={() => void exportAll()}>
                All
              </Button>
            </>
          }
        >
          <p>A JSON file with every branch, images included. It can be imported into any playground.</p>
        </Dialog>
      )}
      {told && (
        <Dialog
          title="Import"
          onClose={() => setTold(null)}
          footer={<Button onClick={() => setTold(null)}>Close</Button>}
        >
          <p>{told}</p>
        </Dialog>
      )}
    </div>
  );
}

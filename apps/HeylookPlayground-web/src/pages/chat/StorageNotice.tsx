import { useState } from "react";
import styles from "./StorageNotice.module.css";
import { resetStorage, useConversations } from "@/chat/conversations";
import { Button } from "@/components";

/** Says that conversations are not kept, and why. */
export function StorageNotice() {
  const storage = useConversations((state) => state.storage);
  const saveError = useConversations((state) => state.saveError);
  const [failed, setFailed] = useState<string | null>(null);
  if (storage.kind === "memory") {
    return (
      <div className={styles.notice} role="status">
        <p>
          This browser gives no storage, so conversations are lost when the page is left. {failed ?? storage.reason}
        </p>
        <Button small onClick={() => resetStorage().catch((error: unknown) => setFailed(String(error)))}>
          Delete what is stored and begin anew
        </Button>
      </div>
    );
  }
  if (saveError) {
    return (
      <div className={styles.notice} role="status">
        <p>The last change could not be stored: {saveError}</p>
      </div>
    );
  }
  return null;
}

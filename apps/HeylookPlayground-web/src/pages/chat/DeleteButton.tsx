import { useState } from "react";
import type { Conversation } from "@/chat/conversation";
import { changeConversation } from "@/chat/conversations";
import type { Message } from "@/chat/message";
import { stopRun } from "@/chat/runs";
import { below, withoutMessage } from "@/chat/tree";
import { Button, Dialog, IconButton } from "@/components";

/** Deletes a message with what follows it; asks first if something does. */
export function DeleteButton({ conversation, message }: { conversation: Conversation; message: Message }) {
  const [asking, setAsking] = useState(false);
  const gone = below(conversation, message.id);

  function remove() {
    for (const it of gone) stopRun(it.id);
    changeConversation(conversation.id, (it) => withoutMessage(it, message.id));
  }

  return (
    <>
      <IconButton
        small
        icon="trash"
        label="Delete the message"
        onClick={() => (gone.length > 1 ? setAsking(true) : remove())}
      />
      {asking && (
        <Dialog
          title="Delete the message"
          onClose={() => setAsking(false)}
          footer={
            <>
              <Button onClick={() => setAsking(false)}>Keep</Button>
              <Button kind="danger" onClick={remove}>
                Delete {gone.length} messages
              </Button>
            </>
          }
        >
          <p>What follows it in all branches is deleted too: {gone.length - 1} more.</p>
        </Dialog>
      )}
    </>
  );
}

import styles from "./Message.module.css";
import { changeConversation } from "@/chat/conversations";
import type { Conversation } from "@/chat/conversation";
import type { Message } from "@/chat/message";
import { siblings, withBranch } from "@/chat/tree";
import { IconButton } from "@/components";

/** Which of several branches is shown, and the way to the others. */
export function BranchSwitch({ conversation, message }: { conversation: Conversation; message: Message }) {
  const all = siblings(conversation, message);
  if (all.length < 2) return null;
  const place = all.findIndex((it) => it.id === message.id);
  const show = (next: Message | undefined) => {
    if (next) changeConversation(conversation.id, (it) => withBranch(it, next.id));
  };
  return (
    <span className={styles.branches} role="group" aria-label="Branches">
      <IconButton
        small
        icon="left"
        label="Previous branch"
        disabled={place === 0}
        onClick={() => show(all[place - 1])}
      />
      <span>
        {place + 1} / {all.length}
      </span>
      <IconButton
        small
        icon="right"
        label="Next branch"
        disabled={place === all.length - 1}
        onClick={() => show(all[place + 1])}
      />
    </span>
  );
}

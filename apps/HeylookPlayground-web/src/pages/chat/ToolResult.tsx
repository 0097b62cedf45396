import { AnswerText } from "@/answer/AnswerText";
import { DeleteButton } from "./DeleteButton";
import styles from "./Message.module.css";
import type { Conversation } from "@/chat/conversation";
import type { Message } from "@/chat/message";

export function ToolResult({ conversation, message }: { conversation: Conversation; message: Message }) {
  return (
    <li className={styles.assistant} data-role="tool">
      <p className={styles.author}>Result of the tool</p>
      <AnswerText text={message.content} open={false} />
      <div className={styles.actions}>
        <DeleteButton conversation={conversation} message={message} />
      </div>
    </li>
  );
}

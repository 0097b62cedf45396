import { useState } from "react";
import { BranchSwitch } from "./BranchSwitch";
import { DeleteButton } from "./DeleteButton";
import { EditField } from "./EditField";
import styles from "./Message.module.css";
import { editQuestion } from "@/chat/actions";
import type { Conversation } from "@/chat/conversation";
import type { Message } from "@/chat/message";
import { CopyButton, IconButton } from "@/components";

export function UserMessage({ conversation, message }: { conversation: Conversation; message: Message }) {
  const [editing, setEditing] = useState(false);
  return (
    <li className={styles.user} data-role="user">
      <span className={styles.hidden}>You:</span>
      {message.pictures && (
        <div className={styles.pictures}>
          {message.pictures.map((picture) => (
            <img key={picture.url} src={picture.url} alt={picture.name} />
          ))}
        </div>
      )}
      {editing ? (
        <EditField
          label="Edit the question"
          text={message.content}
          submit="Ask again"
          onCancel={() => setEditing(false)}
          onSubmit={(text) => {
            setEditing(false);
            editQuestion(conversation.id, message, text);
          }}
        />
      ) : (
        message.content && <div className={styles.bubble}>{message.content}</div>
      )}
      {!editing && (
        <div className={styles.actions}>
          <BranchSwitch conversation={conversation} message={message} />
          <CopyButton text={() => message.content} label="Copy the question" />
          <IconButton
            small
            icon="edit"
            label="Edit the question"
            data-edit="question"
            onClick={() => setEditing(true)}
          />
          <DeleteButton conversation={conversation} message={message} />
        </div>
      )}
    </li>
  );
}

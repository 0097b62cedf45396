import { useState } from "react";
import { AnswerMetrics } from "@/answer/AnswerMetrics";
import { AnswerStatus } from "@/answer/AnswerStatus";
import { BranchSwitch } from "./BranchSwitch";
import { DeleteButton } from "./DeleteButton";
import { EditField } from "./EditField";
import { Reasoning } from "@/answer/Reasoning";
import { ToolCallView } from "./ToolCallView";
import styles from "./Message.module.css";
import { AnswerText } from "@/answer/AnswerText";
import { continueAnswer, editAnswer, regenerate } from "@/chat/actions";
import type { Conversation } from "@/chat/conversation";
import type { Message } from "@/chat/message";
import { useRuns, type Run } from "@/chat/runs";
import { Badge, Button, CopyButton, ErrorNote, IconButton } from "@/components";
import { ServerError, type ErrorKind } from "@/client/errors";

interface AssistantMessageProps {
  conversation: Conversation;
  message: Message;
  isLast: boolean;
}

export function AssistantMessage({ conversation, message, isLast }: AssistantMessageProps) {
  const run = useRuns((state) => state.runs[message.id]);
  const [editing, setEditing] = useState(false);
  const shown = run ?? message;
  return (
    <li className={styles.assistant} data-role="assistant" data-state={run ? "streaming" : message.state}>
      <p className={styles.author}>
        {message.model}
        <EndBadge message={message} run={run} />
      </p>
      {shown.reasoning && <Reasoning text={shown.reasoning} open={run?.phase.kind === "thinking"} />}
      {editing ? (
        <EditField
          label="Edit the answer"
          text={message.content}
          submit="Save as a branch"
          onCancel={() => setEditing(false)}
          onSubmit={(text) => {
            setEditing(false);
            editAnswer(conversation.id, message, text);
          }}
        />
      ) : (
        <div aria-live={run ? "polite" : undefined} aria-busy={run ? true : undefined}>
          {shown.content && <AnswerText text={shown.content} open={run !== undefined} />}
        </div>
      )}
      {shown.toolCalls?.map((call) => (
        <ToolCallView
          key={call.id}
          conversation={conversation}
          caller={message}
          call={call}
          running={run !== undefined}
        />
      ))}
      {run && <AnswerStatus run={run} />}
      {!run && message.state === "complete" && isEmpty(message) && (
        <p className={styles.empty}>The model answered nothing.</p>
      )}
      {!run && message.failure && (
        <ErrorNote
          error={new ServerError(message.failure.kind as ErrorKind, message.failure.message)}
          onRetry={() => regenerate(conversation.id, message)}
        />
      )}
      {!run && !editing && (
        <footer className={styles.footer}>
          <div className={styles.actions}>
            <BranchSwitch conversation={conversation} message={message} />
            <CopyButton text={() => message.content} label="Copy the answer" />
            <IconButton
              small
              icon="refresh"
              label="Answer again"
              onClick={() => regenerate(conversation.id, message)}
            />
            <IconButton small icon="edit" label="Edit the answer" onClick={() => setEditing(true)} />
            <DeleteButton conversation={conversation} message={message} />
            {isLast && canContinue(message) && (
              <Button small kind="quiet" icon="play" onClick={() => continueAnswer(conversation.id, message)}>
                Continue
              </Button>
            )}
          </div>
          {message.metrics && <AnswerMetrics metrics={message.metrics} />}
        </footer>
      )}
    </li>
  );
}

function isEmpty(message: Message): boolean {
  return message.content === "" && !message.toolCalls?.length;
}

function canContinue(message: Message): boolean {
  return message.content !== "" && !message.toolCalls?.length;
}

/** Why an answer is shorter than it might be. */
function EndBadge({ message, run }: { message: Message; run: Run | undefined }) {
  if (run) return null;
  if (message.state === "stopped") return <Badge tone="warn">stopped</Badge>;
  if (message.finish === "length") return <Badge tone="warn">cut off at the token limit</Badge>;
  return null;
}

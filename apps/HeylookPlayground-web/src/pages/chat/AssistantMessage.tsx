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
import { useElsewhere } from "@/chat/elsewhere";
import { useRuns } from "@/chat/runs";
import { Badge, Busy, Button, CopyButton, ErrorNote, IconButton } from "@/components";
import { ServerError, type ErrorKind } from "@/client/errors";

interface AssistantMessageProps {
  conversation: Conversation;
  message: Message;
  isLast: boolean;
}

export function AssistantMessage({ conversation, message, isLast }: AssistantMessageProps) {
  const run = useRuns((state) => state.runs[message.id]);
  const elsewhere = useElsewhere((state) => state.answers.has(message.id)) && !run;
  const [editing, setEditing] = useState(false);
  const shown = run ?? message;
  const ended = !run && !elsewhere;
  return (
    <li className={styles.assistant} data-role="assistant" data-state={ended ? message.state : "streaming"}>
      <p className={styles.author}>
        {message.model}
        {ended && <EndBadge message={message} />}
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
          {shown.content && <AnswerText text={shown.content} open={!ended} />}
        </div>
      )}
      {shown.toolCalls?.map((call) => (
        <ToolCallView key={call.id} conversation={conversation} caller={message} call={call} running={!ended} />
      ))}
      {run && <AnswerStatus run={run} />}
      {elsewhere && <Busy>It arrives in another tab</Busy>}
      {ended && message.state === "complete" && isEmpty(message) && (
        <p className={styles.empty}>The model answered nothing.</p>
      )}
      {ended && message.failure && (
        <ErrorNote
          error={new ServerError(message.failure.kind as ErrorKind, message.failure.message)}
          onRetry={() => regenerate(conversation.id, message)}
        />
      )}
      {ended && !editing && (
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
function EndBadge({ message }: { message: Message }) {
  if (message.state === "stopped") return <Badge tone="warn">stopped</Badge>;
  if (message.finish === "length") return <Badge tone="warn">cut off at the token limit</Badge>;
  return null;
}

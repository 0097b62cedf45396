import { useState } from "react";
import { prettyJson } from "@/answer/AnswerText";
import styles from "./Message.module.css";
import { giveToolResult } from "@/chat/actions";
import type { Conversation } from "@/chat/conversation";
import type { Message, ToolCall } from "@/chat/message";
import { branch } from "@/chat/tree";
import { Button, Icon, TextArea } from "@/components";
import { CodeBlock } from "@/markdown/CodeBlock";

interface ToolCallViewProps {
  conversation: Conversation;
  caller: Message;
  call: ToolCall;
  running: boolean;
}

/** A call of a tool, and the place for its result: the playground runs no tools by itself. */
export function ToolCallView({ conversation, caller, call, running }: ToolCallViewProps) {
  const answered = branch(conversation).some((it) => it.role === "tool" && it.toolCallId === call.id);
  return (
    <section className={styles.toolCall} aria-label={`Call of ${call.name}`}>
      <p className={styles.toolName}>
        <Icon name="tool" size={14} /> {call.name}
      </p>
      <CodeBlock code={prettyJson(call.arguments) ?? call.arguments} language="json" open={running} />
      {!running && !answered && (
        <ResultForm onSubmit={(text) => giveToolResult(conversation.id, caller, call.id, text)} />
      )}
    </section>
  );
}

function ResultForm({ onSubmit }: { onSubmit: (text: string) => void }) {
  const [text, setText] = useState("");
  return (
    <form
      className={styles.resultForm}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit(text);
      }}
    >
      <TextArea
        label="Result"
        hint="What the tool found; the model goes on with it."
        rows={2}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <Button small type="submit" disabled={!text.trim()}>
        Send the result
      </Button>
    </form>
  );
}

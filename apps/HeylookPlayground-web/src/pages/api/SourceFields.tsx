import { useEffect, useState } from "react";
import styles from "./api.module.css";
import { noSettings } from "@/chat/chatSettings";
import { isReadable, openConversation, openStorageOnce, useConversations } from "@/chat/conversations";
import type { Message } from "@/chat/message";
import { branch } from "@/chat/tree";
import { useModels } from "@/client/models";
import { Panel, Select, TextArea } from "@/components";
import { ModelPicker } from "@/picker/ModelPicker";
import type { Chat } from "@/wire/dialects";

export interface Source {
  chat: Chat | null;
  conversation: string;
  setConversation: (id: string) => void;
  question: string;
  setQuestion: (text: string) => void;
  model: string | null;
  setModel: (id: string) => void;
}

const EXAMPLE = "What is heylook?";

/** What is sent: a question, or a conversation up to its last question. */
export function useSource(): Source {
  const models = useModels();
  const [model, setModel] = useState<string | null>(null);
  const [question, setQuestion] = useState(EXAMPLE);
  const [conversation, setConversation] = useState("");
  const entry = useConversations((state) => state.opened[conversation]);
  useEffect(() => {
    void openStorageOnce();
  }, []);
  useEffect(() => {
    if (conversation) void openConversation(conversation);
  }, [conversation]);

  const first = models.data?.find((it) => it.loaded) ?? models.data?.[0];
  const opened = isReadable(entry) ? entry : null;
  const chosen = model ?? opened?.model ?? first?.id ?? null;
  const asked: Message = { id: "question", parent: null, role: "user", content: question, createdAt: 0 };
  const messages = opened ? upToLastQuestion(branch(opened)) : [asked];
  return {
    chat: chosen ? { model: chosen, settings: opened?.settings ?? noSettings(), messages } : null,
    conversation,
    setConversation: (id) => {
      setConversation(id);
      setModel(null);
    },
    question,
    setQuestion,
    model: chosen,
    setModel,
  };
}

function upToLastQuestion(messages: Message[]): Message[] {
  return messages.slice(0, messages.findLastIndex((it) => it.role !== "assistant") + 1);
}

export function SourceFields({ source }: { source: Source }) {
  const heads = useConversations((state) => state.heads);
  return (
    <Panel
      title="Chat"
      actions={<ModelPicker label="Model" value={source.model} onChange={source.setModel} align="right" />}
    >
      <div className={styles.source}>
        <Select
          label="What is sent"
          value={source.conversation}
          options={[
            { value: "", label: "One question" },
            ...(heads.length
              ? [{ label: "A conversation", options: heads.map((it) => ({ value: it.id, label: it.title })) }]
              : []),
          ]}
          onChange={(event) => source.setConversation(event.target.value)}
        />
        {!source.conversation && (
          <TextArea
            label="Question"
            rows={2}
            value={source.question}
            onChange={(event) => source.setQuestion(event.target.value)}
          />
        )}
      </div>
    </Panel>
  );
}

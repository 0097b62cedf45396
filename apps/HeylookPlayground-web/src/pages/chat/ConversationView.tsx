import { useEffect, useRef, useState, type ReactNode } from "react";
import { useLocation } from "wouter";
import { Composer, type Draft } from "@/composer/Composer";
import { isCommand } from "./shortcuts";
import { SettingsPanel } from "@/settings/SettingsPanel";
import { StorageNotice } from "./StorageNotice";
import { Thread } from "./Thread";
import { Welcome } from "./Welcome";
import { useChosen } from "./chosen";
import styles from "./ConversationView.module.css";
import { ask } from "@/chat/actions";
import {
  changeConversation,
  createConversation,
  isReadable,
  openConversation,
  removeConversation,
  useConversations,
  type Unreadable,
} from "@/chat/conversations";
import { stopElsewhere, useElsewhere } from "@/chat/elsewhere";
import { useRuns } from "@/chat/runs";
import { branch } from "@/chat/tree";
import { useModels } from "@/client/models";
import { Busy, Button, EmptyState, IconButton } from "@/components";
import { ModelPicker } from "@/picker/ModelPicker";

const UNREADABLE: Record<Unreadable["unreadable"], { title: string; action: string }> = {
  missing: { title: "This conversation is not here", action: "Begin another one" },
  damaged: { title: "This conversation is damaged", action: "Delete it" },
  closed: { title: "This conversation cannot be read now", action: "Retry" },
};

interface ConversationViewProps {
  /** Null for one that begins with the next question. */
  id: string | null;
  /** The storage is open. */
  ready: boolean;
  toggle: ReactNode;
}

/** One conversation: its model and settings, its messages, and the field for the next one. */
export function ConversationView({ id, ready, toggle }: ConversationViewProps) {
  const entry = useConversations((state) => (id ? state.opened[id] : undefined));
  const conversation = isReadable(entry) ? entry : null;
  const [, navigate] = useLocation();
  const [settingsOpen, setSettingsOpen] = useState(false);
  const chosen = useChosen();
  const models = useModels();
  const modelButton = useRef<HTMLButtonElement>(null);
  useModelShortcut(modelButton);

  const wanted = conversation?.model ?? chosen.model;
  const fallback = models.data?.find((model) => model.loaded) ?? models.data?.[0];
  const model = wanted ?? fallback?.id ?? null;
  const settings = conversation?.settings ?? chosen.settings;
  const leaf = conversation?.leaf ?? null;
  const stopHere = useRuns((state) => (leaf ? state.runs[leaf]?.stop : undefined));
  const elsewhere = useElsewhere((state) => leaf !== null && state.answers.has(leaf));
  const stop = stopHere ?? (elsewhere && leaf ? () => stopElsewhere(leaf) : undefined);

  function send(draft: Draft) {
    if (!model) return;
    const target = conversation ?? createConversation(model, settings);
    changeConversation(target.id, (it) => ({ ...it, model }));
    ask(target.id, draft.text, draft.pictures);
    if (!conversation) navigate(`/chat/${target.id}`);
  }

  function chooseModel(next: string) {
    chosen.choose({ model: next });
    if (conversation) changeConversation(conversation.id, (it) => ({ ...it, model: next }));
  }

  const unreadable = entry && !isReadable(entry) ? entry : null;
  return (
    <>
      <header className={styles.header}>
        {toggle}
        <h1 className={styles.title}>{conversation?.title ?? "New conversation"}</h1>
        <ModelPicker label="Model" value={model} onChange={chooseModel} align="right" buttonRef={modelButton} />
        <IconButton
          icon="settings"
          label="Settings of this conversation"
          aria-expanded={settingsOpen}
          onClick={() => setSettingsOpen(!settingsOpen)}
        />
      </header>
      <div className={styles.body}>
        <div className={styles.main}>
          <StorageNotice />
          {unreadable && id && (
            <EmptyState
              title={UNREADABLE[unreadable.unreadable].title}
              action={
                <Button
                  onClick={() => {
                    if (unreadable.unreadable === "closed") {
                      void openConversation(id);
                      return;
                    }
                    void removeConversation(id);
                    navigate("/chat");
                  }}
                >
                  {UNREADABLE[unreadable.unreadable].action}
                </Button>
              }
            >
              {unreadable.reason}
            </EmptyState>
          )}
          {id && !entry && (
            <div className={styles.opening}>
              <Busy>{ready ? "Opening the conversation" : "Opening the storage"}</Busy>
            </div>
          )}
          {conversation && <Thread conversation={conversation} messages={branch(conversation)} />}
          {!id && <Welcome models={models} model={model} />}
          {!unreadable && (
            <Composer
              model={models.data?.find((it) => it.id === model)}
              ready={model !== null && (!id || conversation !== null)}
              stop={stop}
              onSend={send}
            />
          )}
        </div>
        {settingsOpen && (
          <SettingsPanel
            model={model}
            settings={settings}
            onClose={() => setSettingsOpen(false)}
            onChange={(next) => {
              chosen.choose({ settings: next });
              if (conversation) changeConversation(conversation.id, (it) => ({ ...it, settings: next }));
            }}
          />
        )}
      </div>
    </>
  );
}

function useModelShortcut(button: React.RefObject<HTMLButtonElement | null>): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (!isCommand(event) || event.key.toLowerCase() !== "m") return;
      event.preventDefault();
      button.current?.click();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [button]);
}

import { newId, type Message } from "./message";
import { noSettings, type ChatSettings } from "./chatSettings";

/** A tree of messages and the branch that is shown: the way from its root to `leaf`. */
export interface Conversation {
  id: string;
  title: string;
  createdAt: number;
  updatedAt: number;
  model: string | null;
  settings: ChatSettings;
  messages: Record<string, Message>;
  leaf: string | null;
}

export const UNTITLED = "New conversation";
const TITLE_LENGTH = 60;

export function newConversation(model: string | null, settings: ChatSettings = noSettings()): Conversation {
  const now = Date.now();
  return { id: newId(), title: UNTITLED, createdAt: now, updatedAt: now, model, settings, messages: {}, leaf: null };
}

/** A title from the first question. */
export function titleFrom(text: string): string {
  const line = text.trim().split(/\n/, 1)[0]?.replace(/\s+/g, " ") ?? "";
  if (!line) return UNTITLED;
  return line.length <= TITLE_LENGTH ? line : `${line.slice(0, TITLE_LENGTH - 1).trimEnd()}…`;
}

import { newConversation, type Conversation } from "./conversation";
import type { Message } from "./message";
import { withMessage } from "./tree";

/** For tests: messages as `id`, `parent`, role by the first letter of the id (u, a or t). */
export function message(id: string, parent: string | null, change: Partial<Message> = {}): Message {
  const role = id.startsWith("u") ? "user" : id.startsWith("a") ? "assistant" : "tool";
  return { id, parent, role, content: `text of ${id}`, createdAt: clock++, ...change };
}

let clock = 1000;

export function conversationOf(...messages: Message[]): Conversation {
  return messages.reduce(withMessage, newConversation("demo"));
}

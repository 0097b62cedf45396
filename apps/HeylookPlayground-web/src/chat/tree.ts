import { titleFrom, UNTITLED, type Conversation } from "./conversation";
import type { Message } from "./message";

/** The messages that are shown, the oldest first. */
export function branch(conversation: Conversation): Message[] {
  return wayTo(conversation, conversation.leaf);
}

/** The messages from the root to this one. A broken or circular chain ends where it breaks. */
export function wayTo(conversation: Conversation, id: string | null): Message[] {
  return wayIn(conversation.messages, id);
}

export function wayIn(messages: Record<string, Message>, id: string | null): Message[] {
  const way: Message[] = [];
  const seen = new Set<string>();
  for (let next = id; next !== null && !seen.has(next);) {
    const message = messages[next];
    if (!message) break;
    seen.add(next);
    way.push(message);
    next = message.parent;
  }
  return way.toReversed();
}

/** The branches that begin where this message does, itself included, the oldest first. */
export function siblings(conversation: Conversation, message: Message): Message[] {
  return childrenOf(conversation, message.parent);
}

function childrenOf(conversation: Conversation, parent: string | null): Message[] {
  return Object.values(conversation.messages)
    .filter((message) => message.parent === parent)
    .toSorted((a, b) => a.createdAt - b.createdAt);
}

/** Adds a message below its parent and shows it. The first question gives the title. */
export function withMessage(conversation: Conversation, message: Message): Conversation {
  const isFirst = message.role === "user" && conversation.title === UNTITLED;
  return {
    ...conversation,
    title: isFirst ? titleFrom(message.content) : conversation.title,
    messages: { ...conversation.messages, [message.id]: message },
    leaf: message.id,
    updatedAt: Math.max(message.createdAt, conversation.updatedAt),
  };
}

export function withChange(conversation: Conversation, id: string, change: Partial<Message>): Conversation {
  const message = conversation.messages[id];
  if (!message) return conversation;
  return { ...conversation, messages: { ...conversation.messages, [id]: { ...message, ...change } } };
}

/** Shows the branch through this message: down to where it was last written to. */
export function withBranch(conversation: Conversation, id: string): Conversation {
  let leaf = id;
  for (let next = childrenOf(conversation, leaf).at(-1); next; next = childrenOf(conversation, leaf).at(-1)) {
    leaf = next.id;
  }
  return { ...conversation, leaf };
}

/** Everything that follows a message, itself included. */
export function below(conversation: Conversation, id: string): Message[] {
  const message = conversation.messages[id];
  if (!message) return [];
  return [message, ...childrenOf(conversation, id).flatMap((child) => below(conversation, child.id))];
}

/** Without the message and all that follows it. A neighbouring branch is shown instead, else what came before. */
export function withoutMessage(conversation: Conversation, id: string): Conversation {
  const message = conversation.messages[id];
  if (!message) return conversation;
  const gone = new Set(below(conversation, id).map((it) => it.id));
  const messages = Object.fromEntries(Object.entries(conversation.messages).filter(([key]) => !gone.has(key)));
  const rest = { ...conversation, messages };
  if (conversation.leaf === null || !gone.has(conversation.leaf)) return rest;
  const neighbour = childrenOf(rest, message.parent).at(-1);
  return neighbour ? withBranch(rest, neighbour.id) : { ...rest, leaf: message.parent };
}

import type { Conversation } from "../conversation";
import type { Message } from "../message";
import { wayIn } from "../tree";

/**
 * What two tabs made of one conversation, of which both began with `base`. Nothing that either has written is lost: turns
 * of both stand in the tree. What both changed is as `mine` has it; what one deleted is gone, unless the other wrote below
 * it. Null for `base` where none is known: then everything of both stays. The branch that is shown stays too, and grows.
 *
 * What has not changed since `base` is the same object in `mine`; in `theirs` it need not be.
 */
export function merged(base: Conversation | null, mine: Conversation, theirs: Conversation): Conversation {
  const messages = mergedMessages(base?.messages ?? {}, mine.messages, theirs.messages);
  const of = <K extends "title" | "model" | "settings">(key: K) =>
    base && mine[key] === base[key] ? theirs[key] : mine[key];
  return {
    ...mine,
    title: of("title"),
    model: of("model"),
    settings: of("settings"),
    messages,
    leaf: leafOf(mine, theirs, messages),
    updatedAt: Math.max(mine.updatedAt, theirs.updatedAt),
  };
}

type Messages = Record<string, Message>;

function mergedMessages(base: Messages, mine: Messages, theirs: Messages): Messages {
  const found: Messages = {};
  for (const id of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const [old, own, other] = [base[id], mine[id], theirs[id]];
    const message = own && own !== old ? own : (other ?? own);
    const deleted = old !== undefined && (own === undefined || other === undefined);
    if (message && !deleted) found[id] = message;
  }
  for (const message of Object.values(found)) {
    for (let id = message.parent; id !== null && !found[id];) {
      const parent = mine[id] ?? theirs[id] ?? base[id];
      if (!parent) break;
      found[id] = parent;
      id = parent.parent;
    }
  }
  return found;
}

function leafOf(mine: Conversation, theirs: Conversation, messages: Messages): string | null {
  const before = { ...theirs.messages, ...mine.messages };
  const shown = wayIn(before, mine.leaf).findLast(({ id }) => messages[id])?.id ?? null;
  const way = wayIn(messages, theirs.leaf).map(({ id }) => id);
  return shown === null || way.includes(shown) ? (way.at(-1) ?? shown) : shown;
}

import { create } from "zustand";
import { newConversation, type Conversation } from "./conversation";
import { stopRun } from "./runs";
import { listen, tell } from "./tabs";
import { branch } from "./tree";
import { deleteShelf, headOf, openShelf, type Head, type Kept, type Shelf } from "./storage/database";
import { MemoryShelf } from "./storage/memory";
import { merged } from "./storage/merging";
import { DamagedRecord } from "./storage/reading";
import { Saving } from "./storage/saving";
import { inTurn } from "./storage/turns";
import type { ChatSettings } from "./chatSettings";

/** Whether conversations survive a reload, and why not. */
export type StorageState = { kind: "opening" } | { kind: "kept" } | { kind: "memory"; reason: string };

interface ConversationsState {
  storage: StorageState;
  heads: Head[];
  /** Those that were read, by id; also those of which that is known to be impossible. */
  opened: Record<string, Conversation | Unreadable>;
  /** The last save failed, as when the disk is full. */
  saveError: string | null;
}

export interface Unreadable {
  /** "closed": the storage could not be read; it may be later. */
  unreadable: "missing" | "damaged" | "closed";
  reason: string;
}

export const useConversations = create<ConversationsState>()(() => ({
  storage: { kind: "opening" },
  heads: [],
  opened: {},
  saveError: null,
}));

const { getState, setState } = useConversations;
let shelf: Shelf = new MemoryShelf();
/** What this tab knows of the storage. Conversations that are open were made of these, object by object. */
const known = new Map<string, Kept>();
const saving = new Saving(
  (id) => inTurn(() => write(id)),
  (errors) => setState({ saveError: errors.length ? reasonOf(errors[0]) : null }),
);

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function isReadable(entry: Conversation | Unreadable | undefined): entry is Conversation {
  return entry !== undefined && !("unreadable" in entry);
}

/** Opens the storage; without one, conversations are kept in memory and the state says so. */
export function openStorage(): Promise<void> {
  // Before the list is read, so that it misses nothing. What is heard waits for its turn.
  unlisten ??= listen((notice) => {
    if (notice.kind === "changed") void inTurn(() => reread(notice.id));
  });
  return inTurn(readStorage);
}

async function readStorage(): Promise<void> {
  let storage: StorageState = { kind: "kept" };
  let heads: Head[] = [];
  try {
    shelf = await openShelf();
    heads = await shelf.heads();
  } catch (error) {
    shelf = new MemoryShelf();
    storage = { kind: "memory", reason: reasonOf(error) };
  }
  known.clear();
  setState({ storage, heads, opened: {}, saveError: null });
}

let unlisten: (() => void) | null = null;

let opening: Promise<void> | null = null;

/** For pages: whoever comes first opens it. */
export function openStorageOnce(): Promise<void> {
  opening ??= openStorage();
  return opening;
}

/** Deletes the whole database, for one that cannot be opened. */
export async function resetStorage(): Promise<void> {
  await deleteShelf();
  await openStorage();
}

/** Writes what waits to be written. */
export async function saveNow(): Promise<void> {
  await saving.flush();
  await inTurn(async () => undefined);
}

export function openConversation(id: string): Promise<void> {
  return inTurn(async () => {
    const before = getState().opened[id];
    if (before && (isReadable(before) || before.unreadable !== "closed")) return;
    let entry: Conversation | Unreadable;
    try {
      const kept = await shelf.read(id);
      if (kept) known.set(id, kept);
      entry = kept?.conversation ?? { unreadable: "missing", reason: "It was deleted, or belongs to another browser." };
    } catch (error) {
      entry = { unreadable: error instanceof DamagedRecord ? "damaged" : "closed", reason: reasonOf(error) };
    }
    setState(({ opened }) => ({ opened: { ...opened, [id]: entry } }));
  });
}

async function write(id: string): Promise<void> {
  const conversation = getState().opened[id];
  if (!isReadable(conversation)) return;
  const kept = await shelf.write(conversation, known.get(id));
  settle(id, conversation, kept);
  if (kept) tell({ kind: "changed", id });
}

/** Another tab has written it or deleted it. */
async function reread(id: string): Promise<void> {
  const entry = getState().opened[id];
  const base = known.get(id);
  if (entry && (base || !isReadable(entry))) {
    const kept = await shelf.read(id).catch(() => base);
    // Records of older versions have no revision, and neither has what is not there.
    const isNew = kept === null || !base || kept?.revision !== base.revision;
    if (kept !== undefined && isNew) settle(id, base?.conversation ?? null, kept);
  }
  if (base) return;
  const head = await shelf.head(id);
  setState(({ heads }) => ({ heads: head ? headsWith(heads, head) : heads.filter((it) => it.id !== id) }));
}

/** Takes over what the storage has. `before` is what of it was open when that began. */
function settle(id: string, before: Conversation | null, kept: Kept | null): void {
  const current = getState().opened[id];
  if (!current) return;
  if (!kept) {
    known.delete(id);
    stopAnswers(current);
    const entry: Unreadable = { unreadable: "missing", reason: "It was deleted in another tab." };
    setState(({ opened, heads }) => ({
      opened: { ...opened, [id]: entry },
      heads: heads.filter((head) => head.id !== id),
    }));
    return;
  }
  known.set(id, kept);
  if (kept.conversation === before) return;
  const after = isReadable(current) ? merged(before, current, kept.conversation) : kept.conversation;
  // Answers that another tab has deleted.
  stopAnswers(current, (message) => !after.messages[message]);
  setState(({ opened, heads }) => ({ opened: { ...opened, [id]: after }, heads: headsWith(heads, headOf(after)) }));
}

function stopAnswers(entry: Conversation | Unreadable | undefined, which = (_message: string) => true): void {
  if (isReadable(entry)) for (const message of Object.keys(entry.messages).filter(which)) stopRun(message);
}

export function createConversation(model: string | null, settings?: ChatSettings): Conversation {
  const conversation = newConversation(model, settings);
  setState((state) => ({ opened: { ...state.opened, [conversation.id]: conversation } }));
  return conversation;
}

/** Changes one that is open, and saves it once it has messages. */
export function changeConversation(id: string, change: (conversation: Conversation) => Conversation): void {
  const before = getState().opened[id];
  if (!isReadable(before)) return;
  const after = change(before);
  if (after === before) return;
  const counts = after.leaf !== null || getState().heads.some((head) => head.id === id);
  setState(({ opened, heads }) => ({
    opened: { ...opened, [id]: after },
    heads: counts ? headsWith(heads, headOf(after)) : heads,
  }));
  if (counts) saving.ask(id);
}

function headsWith(heads: Head[], head: Head): Head[] {
  const old = heads.find((it) => it.id === head.id);
  if (old && old.title === head.title && old.updatedAt === head.updatedAt) return heads;
  return [head, ...heads.filter((it) => it.id !== head.id)].toSorted((a, b) => b.updatedAt - a.updatedAt);
}

export async function renameConversation(id: string, title: string): Promise<void> {
  await openConversation(id);
  changeConversation(id, (conversation) => ({ ...conversation, title: title.trim() || conversation.title }));
  await saveNow();
}

export async function removeConversation(id: string): Promise<void> {
  saving.forget(id);
  stopAnswers(getState().opened[id]);
  const removed = getState().heads.find((head) => head.id === id);
  setState((state) => {
    const { [id]: _, ...opened } = state.opened;
    return { opened, heads: state.heads.filter((head) => head.id !== id) };
  });
  await inTurn(async () => {
    known.delete(id);
    try {
      await shelf.remove(id);
    } catch (error) {
      setState(({ heads }) => ({ saveError: reasonOf(error), heads: removed ? headsWith(heads, removed) : heads }));
      return;
    }
    // A turn before this one may have listed it again.
    setState(({ heads }) => ({ heads: heads.filter((head) => head.id !== id) }));
    tell({ kind: "changed", id });
  });
}

/** Puts them on the shelf; one that is there already is replaced. */
export function addConversations(conversations: Conversation[]): Promise<void> {
  return inTurn(async () => {
    for (const conversation of conversations) {
      known.set(conversation.id, await shelf.replace(conversation));
      tell({ kind: "changed", id: conversation.id });
    }
    const heads = await shelf.heads();
    setState((state) => ({
      heads,
      opened: { ...state.opened, ...Object.fromEntries(conversations.map((it) => [it.id, it])) },
    }));
  });
}

export async function allConversations(): Promise<Conversation[]> {
  await saveNow();
  const found: Conversation[] = [];
  for await (const conversation of shelf.all()) found.push(conversation);
  return found;
}

/** The ids of conversations whose title or shown messages have the text. */
export async function searchConversations(text: string): Promise<Set<string>> {
  const wanted = text.trim().toLocaleLowerCase();
  const found = new Set<string>();
  await saveNow();
  for await (const conversation of shelf.all()) {
    const texts = [conversation.title, ...branch(conversation).map((message) => message.content)];
    if (texts.some((it) => it.toLocaleLowerCase().includes(wanted))) found.add(conversation.id);
  }
  return found;
}

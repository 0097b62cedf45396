import { create } from "zustand";
import { newConversation, type Conversation } from "./conversation";
import { branch } from "./tree";
import { deleteShelf, headOf, openShelf, type Head, type Shelf } from "./storage/database";
import { MemoryShelf } from "./storage/memory";
import { Saving } from "./storage/saving";
import type { ChatSettings } from "./chatSettings";

/** Whether conversations survive a reload, and why not. */
export type StorageState = { kind: "opening" } | { kind: "kept" } | { kind: "memory"; reason: string };

interface ConversationsState {
  storage: StorageState;
  heads: Head[];
  /** Those that were read, by id. "missing" and the text of a damage are told apart from not yet read. */
  opened: Record<string, Conversation | Unreadable>;
  /** The last save failed, as when the disk is full. */
  saveError: string | null;
}

export interface Unreadable {
  unreadable: "missing" | "damaged";
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
let saving = savingTo(shelf);

function savingTo(target: Shelf): Saving {
  return new Saving(target, (error) => setState({ saveError: reasonOf(error) }));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function isReadable(entry: Conversation | Unreadable | undefined): entry is Conversation {
  return entry !== undefined && !("unreadable" in entry);
}

/** Opens the storage; without one, conversations are kept in memory and the state says so. */
export async function openStorage(): Promise<void> {
  let storage: StorageState = { kind: "kept" };
  let heads: Head[] = [];
  try {
    shelf = await openShelf();
    heads = await shelf.heads();
  } catch (error) {
    shelf = new MemoryShelf();
    storage = { kind: "memory", reason: reasonOf(error) };
  }
  saving = savingTo(shelf);
  setState({ storage, heads, opened: {}, saveError: null });
}

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

export function saveNow(): Promise<void> {
  return saving.flush();
}

export async function openConversation(id: string): Promise<void> {
  if (getState().opened[id]) return;
  let entry: Conversation | Unreadable;
  try {
    entry = (await shelf.read(id)) ?? {
      unreadable: "missing",
      reason: "It was deleted, or belongs to another browser.",
    };
  } catch (error) {
    entry = { unreadable: "damaged", reason: reasonOf(error) };
  }
  // One that was made meanwhile is newer than what was read.
  setState((state) => ({ opened: { [id]: entry, ...state.opened } }));
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
  setState((state) => ({ opened: { ...state.opened, [id]: after }, heads: headsWith(state.heads, after) }));
  if (after.leaf !== null || hasHead(id)) saving.ask(after);
}

function hasHead(id: string): boolean {
  return getState().heads.some((head) => head.id === id);
}

function headsWith(heads: Head[], conversation: Conversation): Head[] {
  const old = heads.find((head) => head.id === conversation.id);
  if (!old && conversation.leaf === null) return heads;
  if (old && old.title === conversation.title && old.updatedAt === conversation.updatedAt) return heads;
  const others = heads.filter((head) => head.id !== conversation.id);
  return [headOf(conversation), ...others].toSorted((a, b) => b.updatedAt - a.updatedAt);
}

export async function renameConversation(id: string, title: string): Promise<void> {
  await openConversation(id);
  changeConversation(id, (conversation) => ({ ...conversation, title: title.trim() || conversation.title }));
  await saving.flush();
}

export async function removeConversation(id: string): Promise<void> {
  saving.forget(id);
  setState((state) => {
    const { [id]: _, ...opened } = state.opened;
    return { opened, heads: state.heads.filter((head) => head.id !== id) };
  });
  await shelf.remove(id);
}

/** Puts them on the shelf; one that is there already is replaced. */
export async function addConversations(conversations: Conversation[]): Promise<void> {
  for (const conversation of conversations) await shelf.write(conversation);
  const heads = await shelf.heads();
  setState((state) => ({
    heads,
    opened: { ...state.opened, ...Object.fromEntries(conversations.map((it) => [it.id, it])) },
  }));
}

export async function allConversations(): Promise<Conversation[]> {
  await saving.flush();
  const found: Conversation[] = [];
  for await (const conversation of shelf.all()) found.push(conversation);
  return found;
}

/** The ids of conversations whose title or shown messages have the text. */
export async function searchConversations(text: string): Promise<Set<string>> {
  const wanted = text.trim().toLocaleLowerCase();
  const found = new Set<string>();
  await saving.flush();
  for await (const conversation of shelf.all()) {
    const texts = [conversation.title, ...branch(conversation).map((message) => message.content)];
    if (texts.some((it) => it.toLocaleLowerCase().includes(wanted))) found.add(conversation.id);
  }
  return found;
}

import { deleteDB, openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from "idb";
import { merged } from "./merging";
import { readConversation } from "./reading";
import type { Conversation } from "../conversation";
import { newId } from "../message";

/** What the list shows of a conversation, so that it is drawn without reading them all. */
export interface Head {
  id: string;
  title: string;
  updatedAt: number;
  /** The record could not be read. */
  damaged?: boolean;
}

/** A conversation as it stands in the storage. */
export interface Kept {
  conversation: Conversation;
  /** Of its last write, by whichever tab. Records of older versions have none. */
  revision: string | undefined;
}

interface StoredHead extends Head {
  revision?: string;
}

interface Schema extends DBSchema {
  conversations: { key: string; value: unknown };
  heads: { key: string; value: StoredHead };
}

const NAME = "heylook-playground";
const VERSION = 1;

/** Where conversations are kept. */
export interface Shelf {
  heads(): Promise<Head[]>;
  head(id: string): Promise<Head | null>;
  /** Null if there is none; raises if it is damaged. */
  read(id: string): Promise<Kept | null>;
  /**
   * Writes a conversation that was made of `base`, with what another tab has made of it meanwhile: see `merged`. Null if
   * it was deleted meanwhile.
   */
  write(conversation: Conversation, base?: Kept): Promise<Kept | null>;
  /** Writes it in place of what is there. */
  replace(conversation: Conversation): Promise<Kept>;
  remove(id: string): Promise<void>;
  /** One after the other; damaged ones are left out. */
  all(): AsyncGenerator<Conversation>;
}

export function headOf({ id, title, updatedAt }: Conversation): Head {
  return { id, title, updatedAt };
}

export async function openShelf(): Promise<Shelf> {
  const database = await openDB<Schema>(NAME, VERSION, {
    upgrade(db) {
      db.createObjectStore("conversations");
      db.createObjectStore("heads");
    },
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close();
    },
  });
  return new DatabaseShelf(database);
}

/** Gives up what is there. */
export function deleteShelf(): Promise<void> {
  return deleteDB(NAME);
}

class DatabaseShelf implements Shelf {
  readonly #database: IDBPDatabase<Schema>;

  constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
  }

  async heads(): Promise<Head[]> {
    const [heads, keys] = await Promise.all([
      this.#database.getAll("heads"),
      this.#database.getAllKeys("conversations"),
    ]);
    const readable = new Map(heads.filter(isHead).map((head) => [head.id, head]));
    return keys.map((id) => readable.get(id) ?? damagedHead(id)).toSorted((a, b) => b.updatedAt - a.updatedAt);
  }

  async head(id: string): Promise<Head | null> {
    const [head, key] = await Promise.all([
      this.#database.get("heads", id),
      this.#database.getKey("conversations", id),
    ]);
    if (key === undefined) return null;
    return isHead(head) ? head : damagedHead(id);
  }

  async read(id: string): Promise<Kept | null> {
    const transaction = this.#database.transaction(["conversations", "heads"]);
    const [record, head] = await Promise.all([
      transaction.objectStore("conversations").get(id),
      transaction.objectStore("heads").get(id),
      transaction.done,
    ]);
    return record === undefined ? null : { conversation: readConversation(record), revision: revisionOf(head) };
  }

  async write(conversation: Conversation, base?: Kept): Promise<Kept | null> {
    const transaction = this.#database.transaction(["conversations", "heads"], "readwrite");
    const head = await transaction.objectStore("heads").get(conversation.id);
    let written = conversation;
    if (!base || !isHead(head) || revisionOf(head) !== base.revision) {
      const record = await transaction.objectStore("conversations").get(conversation.id);
      if (record === undefined && base) return null;
      const theirs = readIfWhole(record);
      if (theirs) written = merged(base?.conversation ?? null, conversation, theirs);
    }
    return put(transaction, written);
  }

  async replace(conversation: Conversation): Promise<Kept> {
    return put(this.#database.transaction(["conversations", "heads"], "readwrite"), conversation);
  }

  async remove(id: string): Promise<void> {
    const transaction = this.#database.transaction(["conversations", "heads"], "readwrite");
    await Promise.all([
      transaction.objectStore("conversations").delete(id),
      transaction.objectStore("heads").delete(id),
      transaction.done,
    ]);
  }

  async *all(): AsyncGenerator<Conversation> {
    for (const id of await this.#database.getAllKeys("conversations")) {
      const found = await this.read(id).catch(() => null);
      if (found) yield found.conversation;
    }
  }
}

type Writing = IDBPTransaction<Schema, ("conversations" | "heads")[], "readwrite">;

async function put(transaction: Writing, conversation: Conversation): Promise<Kept> {
  const revision = newId();
  await Promise.all([
    transaction.objectStore("conversations").put(conversation, conversation.id),
    transaction.objectStore("heads").put({ ...headOf(conversation), revision }, conversation.id),
    transaction.done,
  ]);
  return { conversation, revision };
}

function readIfWhole(record: unknown): Conversation | null {
  try {
    return record === undefined ? null : readConversation(record);
  } catch {
    return null;
  }
}

function damagedHead(id: string): Head {
  return { id, title: "Damaged conversation", updatedAt: 0, damaged: true };
}

function revisionOf(head: StoredHead | undefined): string | undefined {
  return typeof head?.revision === "string" ? head.revision : undefined;
}

function isHead(head: unknown): head is StoredHead {
  if (typeof head !== "object" || head === null) return false;
  const { id, title, updatedAt } = head as Record<string, unknown>;
  return typeof id === "string" && typeof title === "string" && typeof updatedAt === "number";
}

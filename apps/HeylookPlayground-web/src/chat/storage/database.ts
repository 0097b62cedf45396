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
  const shelf = new DatabaseShelf();
  await shelf.connect();
  return shelf;
}

/** `gone` is called when the connection is closed: for another tab, or by the browser. */
async function openDatabase(gone: () => void): Promise<Database> {
  return openDB<Schema>(NAME, VERSION, {
    upgrade(db) {
      db.createObjectStore("conversations");
      db.createObjectStore("heads");
    },
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close();
      gone();
    },
    terminated: gone,
  });
}

/** Gives up what is there. */
export function deleteShelf(): Promise<void> {
  return deleteDB(NAME);
}

type Database = IDBPDatabase<Schema>;

class DatabaseShelf implements Shelf {
  #opened: Promise<Database> | null = null;

  /** The connection; a new one where the last was closed or could not be opened. */
  connect(): Promise<Database> {
    if (this.#opened) return this.#opened;
    const forget = () => {
      if (this.#opened === opened) this.#opened = null;
    };
    const opened = openDatabase(forget).catch((error: unknown) => {
      forget();
      throw error;
    });
    this.#opened = opened;
    return opened;
  }

  async heads(): Promise<Head[]> {
    const database = await this.connect();
    const [heads, keys] = await Promise.all([database.getAll("heads"), database.getAllKeys("conversations")]);
    const readable = new Map(heads.filter(isHead).map((head) => [head.id, head]));
    return keys.map((id) => readable.get(id) ?? damagedHead(id)).toSorted((a, b) => b.updatedAt - a.updatedAt);
  }

  async head(id: string): Promise<Head | null> {
    const database = await this.connect();
    const [head, key] = await Promise.all([database.get("heads", id), database.getKey("conversations", id)]);
    if (key === undefined) return null;
    return isHead(head) ? head : damagedHead(id);
  }

  async read(id: string): Promise<Kept | null> {
    const transaction = (await this.connect()).transaction(["conversations", "heads"]);
    const [record, head] = await Promise.all([
      transaction.objectStore("conversations").get(id),
      transaction.objectStore("heads").get(id),
      transaction.done,
    ]);
    return record === undefined ? null : { conversation: readConversation(record), revision: revisionOf(head) };
  }

  async write(conversation: Conversation, base?: Kept): Promise<Kept | null> {
    const transaction = await this.#writing();
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
    return put(await this.#writing(), conversation);
  }

  async remove(id: string): Promise<void> {
    const transaction = await this.#writing();
    await Promise.all([
      transaction.objectStore("conversations").delete(id),
      transaction.objectStore("heads").delete(id),
      transaction.done,
    ]);
  }

  async #writing(): Promise<Writing> {
    return (await this.connect()).transaction(["conversations", "heads"], "readwrite");
  }

  async *all(): AsyncGenerator<Conversation> {
    for (const id of await (await this.connect()).getAllKeys("conversations")) {
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

import { deleteDB, openDB, type DBSchema, type IDBPDatabase } from "idb";
import { readConversation } from "./reading";
import type { Conversation } from "../conversation";

/** What the list shows of a conversation, so that it is drawn without reading them all. */
export interface Head {
  id: string;
  title: string;
  updatedAt: number;
  /** The record could not be read. */
  damaged?: boolean;
}

interface Schema extends DBSchema {
  conversations: { key: string; value: unknown };
  heads: { key: string; value: Head };
}

const NAME = "heylook-playground";
const VERSION = 1;

/** Where conversations are kept. */
export interface Shelf {
  heads(): Promise<Head[]>;
  /** Null if there is none; raises if it is damaged. */
  read(id: string): Promise<Conversation | null>;
  write(conversation: Conversation): Promise<void>;
  remove(id: string): Promise<void>;
  clear(): Promise<void>;
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
    return keys
      .map((id) => readable.get(id) ?? { id, title: "Damaged conversation", updatedAt: 0, damaged: true })
      .toSorted((a, b) => b.updatedAt - a.updatedAt);
  }

  async read(id: string): Promise<Conversation | null> {
    const record = await this.#database.get("conversations", id);
    return record === undefined ? null : readConversation(record);
  }

  async write(conversation: Conversation): Promise<void> {
    const transaction = this.#database.transaction(["conversations", "heads"], "readwrite");
    await Promise.all([
      transaction.objectStore("conversations").put(conversation, conversation.id),
      transaction.objectStore("heads").put(headOf(conversation), conversation.id),
      transaction.done,
    ]);
  }

  async remove(id: string): Promise<void> {
    const transaction = this.#database.transaction(["conversations", "heads"], "readwrite");
    await Promise.all([
      transaction.objectStore("conversations").delete(id),
      transaction.objectStore("heads").delete(id),
      transaction.done,
    ]);
  }

  async clear(): Promise<void> {
    const transaction = this.#database.transaction(["conversations", "heads"], "readwrite");
    await Promise.all([
      transaction.objectStore("conversations").clear(),
      transaction.objectStore("heads").clear(),
      transaction.done,
    ]);
  }

  async *all(): AsyncGenerator<Conversation> {
    for (const id of await this.#database.getAllKeys("conversations")) {
      const found = await this.read(id).catch(() => null);
      if (found) yield found;
    }
  }
}

function isHead(head: unknown): head is Head {
  if (typeof head !== "object" || head === null) return false;
  const { id, title, updatedAt } = head as Record<string, unknown>;
  return typeof id === "string" && typeof title === "string" && typeof updatedAt === "number";
}

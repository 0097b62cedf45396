import { headOf, type Head, type Shelf } from "./database";
import type { Conversation } from "../conversation";

/** For browsers that give no storage: kept until the page is left. */
export class MemoryShelf implements Shelf {
  readonly #kept = new Map<string, Conversation>();

  async heads(): Promise<Head[]> {
    return [...this.#kept.values()].map(headOf).toSorted((a, b) => b.updatedAt - a.updatedAt);
  }

  async read(id: string): Promise<Conversation | null> {
    return this.#kept.get(id) ?? null;
  }

  async write(conversation: Conversation): Promise<void> {
    this.#kept.set(conversation.id, conversation);
  }

  async remove(id: string): Promise<void> {
    this.#kept.delete(id);
  }

  async clear(): Promise<void> {
    this.#kept.clear();
  }

  async *all(): AsyncGenerator<Conversation> {
    yield* this.#kept.values();
  }
}

import { headOf, type Head, type Kept, type Shelf } from "./database";
import type { Conversation } from "../conversation";

/** For browsers that give no storage: kept until the page is left, and known to this tab alone. */
export class MemoryShelf implements Shelf {
  readonly #kept = new Map<string, Conversation>();

  async heads(): Promise<Head[]> {
    return [...this.#kept.values()].map(headOf).toSorted((a, b) => b.updatedAt - a.updatedAt);
  }

  async head(id: string): Promise<Head | null> {
    const conversation = this.#kept.get(id);
    return conversation ? headOf(conversation) : null;
  }

  async read(id: string): Promise<Kept | null> {
    const conversation = this.#kept.get(id);
    return conversation ? { conversation, revision: undefined } : null;
  }

  async write(conversation: Conversation): Promise<Kept> {
    return this.replace(conversation);
  }

  async replace(conversation: Conversation): Promise<Kept> {
    this.#kept.set(conversation.id, conversation);
    return { conversation, revision: undefined };
  }

  async remove(id: string): Promise<void> {
    this.#kept.delete(id);
  }

  async *all(): AsyncGenerator<Conversation> {
    yield* this.#kept.values();
  }
}

import type { Conversation } from "../conversation";
import type { Shelf } from "./database";

const DELAY_MS = 50;

/** Writes conversations a moment after they changed, the last state only. */
export class Saving {
  readonly #waiting = new Map<string, Conversation>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  readonly #shelf: Shelf;
  readonly #failed: (error: unknown) => void;

  constructor(shelf: Shelf, failed: (error: unknown) => void) {
    this.#shelf = shelf;
    this.#failed = failed;
  }

  ask(conversation: Conversation): void {
    this.#waiting.set(conversation.id, conversation);
    this.#timer ??= setTimeout(() => void this.flush(), DELAY_MS);
  }

  forget(id: string): void {
    this.#waiting.delete(id);
  }

  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const changed = [...this.#waiting.values()];
    this.#waiting.clear();
    try {
      await Promise.all(changed.map((conversation) => this.#shelf.write(conversation)));
    } catch (error) {
      this.#failed(error);
    }
  }
}

const DELAY_MS = 50;

/**
 * Writes a moment after something has changed, each once for all changes of that moment. What could not be written is
 * tried again with the next.
 */
export class Saving {
  readonly #waiting = new Set<string>();
  readonly #failed = new Map<string, unknown>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  readonly #write: (id: string) => Promise<void>;
  readonly #tell: (errors: unknown[]) => void;

  /** After each time `tell` is given the errors of all that are not written; none if all are. */
  constructor(write: (id: string) => Promise<void>, tell: (errors: unknown[]) => void) {
    this.#write = write;
    this.#tell = tell;
  }

  ask(id: string): void {
    this.#waiting.add(id);
    this.#timer ??= setTimeout(() => void this.flush(), DELAY_MS);
  }

  forget(id: string): void {
    this.#waiting.delete(id);
    this.#failed.delete(id);
  }

  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const changed = new Set([...this.#failed.keys(), ...this.#waiting]);
    if (!changed.size) return;
    this.#waiting.clear();
    await Promise.all([...changed].map((id) => this.#try(id)));
    this.#tell([...this.#failed.values()]);
  }

  async #try(id: string): Promise<void> {
    try {
      await this.#write(id);
      this.#failed.delete(id);
    } catch (error) {
      this.#failed.set(id, error);
    }
  }
}

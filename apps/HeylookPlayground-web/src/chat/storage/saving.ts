const DELAY_MS = 50;

/** Writes a moment after something has changed, each once for all changes of that moment. */
export class Saving {
  readonly #waiting = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  readonly #write: (id: string) => Promise<void>;
  readonly #failed: (error: unknown) => void;

  constructor(write: (id: string) => Promise<void>, failed: (error: unknown) => void) {
    this.#write = write;
    this.#failed = failed;
  }

  ask(id: string): void {
    this.#waiting.add(id);
    this.#timer ??= setTimeout(() => void this.flush(), DELAY_MS);
  }

  forget(id: string): void {
    this.#waiting.delete(id);
  }

  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const changed = [...this.#waiting];
    this.#waiting.clear();
    try {
      await Promise.all(changed.map((id) => this.#write(id)));
    } catch (error) {
      this.#failed(error);
    }
  }
}

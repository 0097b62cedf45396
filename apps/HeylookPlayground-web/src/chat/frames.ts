/** Calls `paint` at most once a frame. A hidden page has no frames: it is painted by a timer there. */
export class Frames {
  #frame: number | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  readonly #paint: () => void;

  constructor(paint: () => void) {
    this.#paint = paint;
  }

  ask(): void {
    if (this.#frame !== null || this.#timer !== null) return;
    if (document.hidden) this.#timer = setTimeout(() => this.flush(), HIDDEN_MS);
    else {
      this.#frame = requestAnimationFrame(() => this.flush());
      // A page may become hidden after the frame was asked for.
      this.#timer = setTimeout(() => this.flush(), HIDDEN_MS);
    }
  }

  flush(): void {
    this.cancel();
    this.#paint();
  }

  cancel(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#frame = null;
    this.#timer = null;
  }
}

const HIDDEN_MS = 250;

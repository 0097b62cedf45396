import { flushSync } from "react-dom";

/** What may be drawn in a frame begins within so long, so that layout and the user's input have the rest of it. */
const BUDGET_MS = 6;
/** Text that grows is read no better when it is drawn more often. */
const PAUSE_MS = 30;
/** After a frame the page has rest for so many times as long, so that drawing takes a third of a slow machine at most. */
const REST = 2;
/** No rest is longer: a frame also ends late where the machine has slept. */
const MOST_REST_MS = 250;
const HIDDEN_MS = 250;

interface Painter {
  paint: () => void;
  drawnAt: number;
}

/** Those that wait to be drawn, the one that has waited longest first. */
const waiting = new Set<Painter>();
let frame: number | null = null;
let timer: ReturnType<typeof setTimeout> | null = null;
/** No frame draws before. */
let restUntil = -Infinity;

/** A hidden page has no frames: it is drawn by a timer there. It may become hidden after the frame was asked for. */
function schedule(): void {
  if (frame === null && !document.hidden) frame = requestAnimationFrame(draw);
  timer ??= setTimeout(draw, HIDDEN_MS);
}

function unschedule(): void {
  if (frame !== null) cancelAnimationFrame(frame);
  if (timer !== null) clearTimeout(timer);
  frame = null;
  timer = null;
}

function draw(): void {
  unschedule();
  const began = performance.now();
  if (began < restUntil) {
    schedule();
    return;
  }
  const seen = !document.hidden;
  // The first task after the frame: layout and paint are over. A hidden page may be frozen until then.
  setTimeout(() => {
    if (!seen || document.hidden) return;
    const end = performance.now();
    restUntil = end + Math.min(REST * (end - began), MOST_REST_MS);
  });
  for (const painter of waiting) {
    if (began - painter.drawnAt < PAUSE_MS) continue;
    waiting.delete(painter);
    painter.drawnAt = began;
    flushSync(painter.paint); // at once, so that its time is known
    if (performance.now() - began >= BUDGET_MS) break;
  }
  if (waiting.size) schedule();
}

/**
 * Draws one of several streams when it has something new. Of all streams of the page a frame draws those that fit in it,
 * the others come in the next one: four answers at once make four short tasks and not one long.
 */
export class Frames {
  readonly #painter: Painter;

  constructor(paint: () => void) {
    this.#painter = { paint, drawnAt: -Infinity };
  }

  ask(): void {
    waiting.add(this.#painter);
    schedule();
  }

  cancel(): void {
    waiting.delete(this.#painter);
    if (!waiting.size) unschedule();
  }
}

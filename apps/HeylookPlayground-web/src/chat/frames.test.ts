import { beforeEach, expect, test, vi } from "vitest";
import { Frames } from "./frames";

const FRAME_MS = 16;
let now = 0;
let callbacks: Map<number, FrameRequestCallback>;
let hidden: boolean;
const made: Frames[] = [];

beforeEach(() => {
  now += 10_000;
  callbacks = new Map();
  hidden = false;
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.spyOn(performance, "now").mockImplementation(() => now);
  let last = 0;
  vi.stubGlobal("document", {
    get hidden() {
      return hidden;
    },
  });
  vi.stubGlobal("requestAnimationFrame", (callback: FrameRequestCallback) => {
    callbacks.set((last += 1), callback);
    return last;
  });
  vi.stubGlobal("cancelAnimationFrame", (id: number) => callbacks.delete(id));
  return () => {
    for (const stream of made.splice(0)) stream.cancel();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  };
});

function frames(count = 1): void {
  for (let frame = 0; frame < count; frame += 1) {
    now += FRAME_MS;
    const due = [...callbacks.values()];
    callbacks.clear();
    for (const callback of due) callback(now);
  }
}

/** Streams that note when they are drawn; drawing one takes so long. */
function streams(count: number, takes: number): { drawn: number[]; all: Frames[] } {
  const drawn: number[] = [];
  const draw = (at: number) => {
    drawn.push(at);
    now += takes;
  };
  const all = Array.from({ length: count }, (_, at) => new Frames(() => draw(at)));
  made.push(...all);
  return { drawn, all };
}

test("however often it is asked, a frame draws once", () => {
  const { drawn, all } = streams(1, 0);
  for (let time = 0; time < 5; time += 1) all[0]?.ask();
  frames();
  expect(drawn).toEqual([0]);
  frames(50);
  expect(drawn).toEqual([0]);
});

test("what takes long is drawn in frames of its own, the one that has waited longest first", () => {
  const { drawn, all } = streams(3, 10);
  for (const stream of all) stream.ask();
  frames();
  expect(drawn).toEqual([0]);
  all[0]?.ask();
  frames();
  expect(drawn).toEqual([0, 1]);
  frames(3);
  expect(drawn).toEqual([0, 1, 2, 0]);
});

test("what is quick is drawn together", () => {
  const { drawn, all } = streams(3, 1);
  for (const stream of all) stream.ask();
  frames();
  expect(drawn).toEqual([0, 1, 2]);
});

test("a stream that never pauses is drawn in every other frame", () => {
  const { drawn, all } = streams(1, 0);
  for (let frame = 0; frame < 20; frame += 1) {
    all[0]?.ask();
    frames();
  }
  expect(drawn).toHaveLength(10);
});

test("after a frame that took long the page has rest for twice as long", () => {
  const { drawn, all } = streams(2, 40);
  for (const stream of all) stream.ask();
  frames();
  vi.advanceTimersByTime(0); // the frame is over
  expect(drawn).toEqual([0]);
  frames(4);
  expect(drawn).toEqual([0]);
  frames(2);
  expect(drawn).toEqual([0, 1]);
});

test("what was cancelled is not drawn", () => {
  const { drawn, all } = streams(2, 0);
  for (const stream of all) stream.ask();
  all[0]?.cancel();
  frames(5);
  expect(drawn).toEqual([1]);
});

test("a hidden page is drawn by a timer", () => {
  hidden = true;
  const { drawn, all } = streams(1, 0);
  all[0]?.ask();
  frames(5);
  vi.advanceTimersByTime(100);
  expect(drawn).toEqual([]);
  vi.advanceTimersByTime(200);
  expect(drawn).toEqual([0]);
});

test("a page that was frozen while it was hidden is drawn soon after", () => {
  hidden = true;
  const { drawn, all } = streams(1, 0);
  all[0]?.ask();
  vi.advanceTimersToNextTimer(); // it is drawn, and its frame has not ended yet
  expect(drawn).toEqual([0]);
  now += 60_000;
  vi.runAllTimers();
  hidden = false;
  all[0]?.ask();
  frames(3);
  expect(drawn).toEqual([0, 0]);
});

test("a page that became visible while it was frozen is drawn soon after", () => {
  hidden = true;
  const { drawn, all } = streams(1, 0);
  all[0]?.ask();
  vi.advanceTimersToNextTimer();
  now += 60_000;
  hidden = false;
  vi.runAllTimers();
  all[0]?.ask();
  frames(3);
  expect(drawn).toEqual([0, 0]);
});

test("the rest after a frame that never seemed to end has an end itself", () => {
  const { drawn, all } = streams(1, 0);
  all[0]?.ask();
  frames();
  expect(drawn).toEqual([0]);
  now += 60_000; // the machine has slept
  vi.runAllTimers();
  all[0]?.ask();
  frames(20);
  expect(drawn).toEqual([0, 0]);
});

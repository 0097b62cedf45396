import { expect, test } from "../e2e/harness/test";
import type { ModelEntry } from "../e2e/harness/models";

/** A hundred words a second. */
const FAST: ModelEntry = { id: "fast", provider: "scripted", config: { delay: 0.01 } };
const STREAMS = 4;
const WORDS = 500;
const LONG_MS = 50;
const TEXT = "a **bold** word, `code`, and a [link](https://example.org)";

/** A frame that took long (Long Animation Frames), and what it took so long for. Milliseconds. */
interface LongFrame {
  whole: number;
  scripts: number;
  layout: number;
}

declare global {
  var longTasks: number[];
  var longFrames: LongFrame[];
}

/** In the page: notes tasks and frames of more than 50 ms. */
function observe(): void {
  globalThis.longTasks = [];
  globalThis.longFrames = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) globalThis.longTasks.push(entry.duration);
  }).observe({ type: "longtask" });
  interface Frame extends PerformanceEntry {
    styleAndLayoutStart: number;
    scripts: PerformanceEntry[];
  }
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as Frame[]) {
      const scripts = entry.scripts.reduce((sum, script) => sum + script.duration, 0);
      const layout = entry.styleAndLayoutStart ? entry.startTime + entry.duration - entry.styleAndLayoutStart : 0;
      globalThis.longFrames.push({ whole: entry.duration, scripts, layout });
    }
  }).observe({ type: "long-animation-frame" });
}

function told({ whole, scripts, layout }: LongFrame): string {
  return `a frame of ${Math.round(whole)} ms: scripts ${Math.round(scripts)}, layout and drawing ${Math.round(layout)}`;
}

test("time to interactive on loopback", async ({ page, shared }) => {
  const found: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    await page.goto("about:blank");
    await page.goto(`${shared}/playground/#/chat`);
    await expect(page.getByRole("textbox").first()).toBeEditable();
    found.push(await page.evaluate(() => performance.now()));
  }
  const sorted = found.slice(1).toSorted((a, b) => a - b);
  const shown = (at: number) => `${Math.round(sorted[at] ?? 0)} ms`;
  console.log(`first visit ${Math.round(found[0] ?? 0)} ms; then median ${shown(3)} (${shown(0)} to ${shown(5)})`);
});

test(`long tasks while ${STREAMS} streams of 100 tokens/s are drawn`, async ({ page, open, startServer }) => {
  test.setTimeout(180_000);
  const server = await startServer({ models: [FAST], defaultModel: "fast" });
  await page.addInitScript(observe);
  await open("compare", server.url);
  for (let column = 1; column <= STREAMS; column += 1) {
    if (column > 2) await page.getByRole("button", { name: "Add a model" }).click();
    await page.getByRole("button", { name: new RegExp(`^Model ${column}:`) }).click();
    await page.getByRole("combobox", { name: `Model ${column}` }).fill("fast");
    await page
      .getByRole("option", { name: /^fast\b/ })
      .first()
      .click();
  }
  await page
    .getByRole("textbox", { name: "Message" })
    .fill(`repeat ${Math.round(WORDS / TEXT.split(" ").length)} ${TEXT}`);
  await page.waitForTimeout(1000);
  await page.evaluate(() => [globalThis.longTasks.splice(0), globalThis.longFrames.splice(0)]);
  const began = Date.now();
  await page.keyboard.press("Enter");
  await expect(page.locator('[data-metric="End"]').filter({ hasText: "stop" })).toHaveCount(STREAMS, {
    timeout: 150_000,
  });
  const seconds = (Date.now() - began) / 1000;
  const [tasks, frames] = await page.evaluate(() => [globalThis.longTasks, globalThis.longFrames] as const);
  const rate = Math.round((STREAMS * WORDS) / seconds);
  const longest = Math.round(Math.max(0, ...tasks));
  console.log(
    `${rate} tokens/s drawn for ${seconds.toFixed(1)} s: ${tasks.length} tasks over ${LONG_MS} ms, longest ${longest} ms`,
  );
  for (const frame of frames.toSorted((a, b) => b.whole - a.whole).slice(0, 5)) console.log(`  ${told(frame)}`);
});

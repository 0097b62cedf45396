import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { expectAccessible } from "./harness/axe";
import { Chatting } from "./harness/chatting";
import { DEMO, TUNES } from "./harness/models";
import { installed, SPOKEN, SPOKEN_FILE } from "./harness/prepared";
import { expect, test } from "./harness/test";

test.beforeEach(() => {
  test.skip(!installed().hears, "needs heylook-onnx-stt, and onnx to write the speech model of the tests");
});

/** The page of speech with the speech model of the tests. */
async function openSpeech(page: Page, open: (name: string) => Promise<void>): Promise<void> {
  await open("speech");
  await page.getByRole("combobox", { name: "Speech model" }).selectOption(TUNES.id);
}

test("a file is transcribed, and its subtitles saved", async ({ page, open }) => {
  await openSpeech(page, open);
  await page.getByLabel("Sound file").setInputFiles(SPOKEN_FILE);
  const transcript = page.getByRole("region", { name: "Transcript of spoken.wav" });
  await expect(transcript.getByRole("listitem")).toHaveText([/The quick brown fox\.$/, /Hello world\.$/]);
  await expectAccessible(page);
  const saving = page.waitForEvent("download");
  await transcript.getByRole("button", { name: "SRT" }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe("spoken.srt");
  const text = await readFile(await saved.path(), "utf-8");
  // A word sounds for 0.24 s, with 0.08 s after it; the model knows times to 0.08 s.
  expect(text).toMatch(
    /^1\n00:00:00,0\d\d --> 00:00:01,[45]\d\d\nThe quick brown fox\.\n\n2\n00:00:01,[56]\d\d --> 00:00:02,[45]\d\d\nHello world\.\n$/,
  );
  await transcript.getByRole("button", { name: "Copy text" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(SPOKEN);
});

test("a file that holds no sound is refused in the server's words", async ({ page, open }) => {
  await openSpeech(page, open);
  await page
    .getByLabel("Sound file")
    .setInputFiles({ name: "x.wav", mimeType: "audio/wav", buffer: Buffer.from("no sound") });
  await expect(page.getByRole("alert")).toBeVisible();
});

test("a file is dropped on the page", async ({ page, open }) => {
  await openSpeech(page, open);
  const content = (await readFile(SPOKEN_FILE)).toString("base64");
  const data = await page.evaluateHandle(async (encoded) => {
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "dropped.wav", { type: "audio/wav" }));
    return transfer;
  }, content);
  await page.getByText("Drop a sound file here").dispatchEvent("drop", { dataTransfer: data });
  await expect(page.getByRole("region", { name: "Transcript of dropped.wav" })).toContainText("Hello world.");
});

test("what is spoken is written while it is spoken", async ({ page, open }) => {
  const told: { type: string; text?: string }[] = [];
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => told.push(JSON.parse(String(payload)) as { type: string }));
  });
  await openSpeech(page, open);
  await page.getByRole("button", { name: "Start" }).focus();
  await page.keyboard.press("Enter");
  const log = page.getByRole("log", { name: "Live transcript" });
  await expect(log).toHaveText(SPOKEN);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByRole("button", { name: "Start" })).toBeVisible();
  const kinds = told.map((message) => message.type);
  expect(kinds.indexOf("partial")).toBeGreaterThan(-1);
  expect(kinds.indexOf("partial")).toBeLessThan(kinds.indexOf("final"));
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "VTT" }).click();
  expect(await readFile(await (await saving).path(), "utf-8")).toMatch(/^WEBVTT\n\n00:00:0/);
});

test("with an API key what is spoken becomes text in the chat's field, and live text; without it neither", async ({
  page,
  open,
  startServer,
}) => {
  const server = await startServer({ models: [TUNES], defaultModel: DEMO, server: { api_keys: ["sesame"] } });
  await page.addInitScript(() => {
    const state = { baseUrl: "", apiKey: "sesame", adminToken: "" };
    localStorage.setItem("heylook-connection", JSON.stringify({ state, version: 1 }));
  });
  await open("chat", server.url);
  await page.getByRole("button", { name: "Speak" }).click();
  await expect(page.getByRole("button", { name: "End the recording" })).toBeVisible();
  await page.waitForTimeout(5000); // the length of what the microphone hears
  await page.getByRole("button", { name: "End the recording" }).click();
  await expect(new Chatting(page).field).toHaveValue(SPOKEN);

  await page.getByRole("link", { name: "Speech" }).click();
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page.getByRole("log", { name: "Live transcript" })).toContainText("The quick brown fox.");
  const refused = await page.evaluate(
    (url) =>
      new Promise<number>((resolve) => {
        const socket = new WebSocket(`${url.replace("http", "ws")}/v1/stt/stream`, ["heylook.stt.v1"]);
        socket.addEventListener("close", (event) => resolve(event.code));
      }),
    server.url,
  );
  expect(refused).toBe(1006);
});

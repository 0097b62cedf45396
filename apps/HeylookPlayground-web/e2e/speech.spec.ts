import { readFile } from "node:fs/promises";
import { expectAccessible } from "./harness/axe";
import { SCRIPTED } from "./harness/models";
import { SPOKEN, SPOKEN_FILE } from "./harness/sound";
import { expect, test } from "./harness/test";

const WORDS = /The quick brown fox\..*Hello world\./s;

test("a file is transcribed, and its subtitles saved", async ({ page, open }) => {
  await open("speech");
  await page.getByRole("combobox", { name: "Speech model" }).selectOption("scripted");
  await page.getByLabel("Sound file").setInputFiles(SPOKEN_FILE);
  const transcript = page.getByRole("region", { name: "Transcript of spoken.wav" });
  await expect(transcript).toContainText("The quick brown fox.");
  await expect(transcript).toContainText("Hello world.");
  await expectAccessible(page);
  const saving = page.waitForEvent("download");
  await transcript.getByRole("button", { name: "SRT" }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe("spoken.srt");
  const text = await readFile(await saved.path(), "utf-8");
  expect(text).toMatch(/^1\n00:00:00,0\d\d --> 00:00:0\d,\d{3}\nThe quick brown fox\./);
  await transcript.getByRole("button", { name: "Copy text" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(SPOKEN);
});

test("a file that holds no sound is refused in the server's words", async ({ page, open }) => {
  await open("speech");
  await page
    .getByLabel("Sound file")
    .setInputFiles({ name: "x.wav", mimeType: "audio/wav", buffer: Buffer.from("no sound") });
  await expect(page.getByRole("alert")).toBeVisible();
});

test("a file is dropped on the page", async ({ page, open }) => {
  await open("speech");
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
  await open("speech");
  await page.getByRole("button", { name: "Start" }).focus();
  await page.keyboard.press("Enter");
  const log = page.getByRole("log", { name: "Live transcript" });
  await expect(log).toContainText(WORDS);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByRole("button", { name: "Start" })).toBeVisible();
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "VTT" }).click();
  expect(await readFile(await (await saving).path(), "utf-8")).toMatch(/^WEBVTT\n\n00:00:0/);
});

test("with an API key the live session is let in, and without it refused", async ({ page, open, startServer }) => {
  const server = await startServer({ models: [SCRIPTED], server: { api_keys: ["sesame"] } });
  await page.addInitScript(() => {
    const state = { baseUrl: "", apiKey: "sesame", adminToken: "" };
    localStorage.setItem("heylook-connection", JSON.stringify({ state, version: 1 }));
  });
  await open("speech", server.url);
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

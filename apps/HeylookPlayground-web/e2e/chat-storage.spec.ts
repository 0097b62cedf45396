import { readFileSync } from "node:fs";
import { Chatting } from "./harness/chatting";
import { DEMO } from "./harness/models";
import { expect, test } from "./harness/test";

test("a conversation, its branch, model and settings survive a reload", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose(DEMO);
  await chat.openSettings();
  await chat.settings.getByLabel("Seed").fill("7");
  await chat.ask("My name is Ada.");
  await page.reload();
  await expect(chat.answers.last()).toContainText("Ada");
  await expect(page.getByRole("button", { name: `Model: ${DEMO}` })).toBeVisible();
  await chat.openSettings();
  await expect(chat.settings.getByLabel("Seed")).toHaveValue("7");
  await expect(await chat.ask("What is my name?")).toContainText("Ada");
});

test("a reload in mid-answer keeps what had come and says that it was stopped", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("slow");
  await chat.send("repeat 200 river");
  // What has come is written down once a second.
  await expect
    .poll(async () => ((await chat.answers.last().textContent()) ?? "").split("river").length, { timeout: 20_000 })
    .toBeGreaterThan(30);
  await page.reload();
  await expect(chat.answers.last()).toHaveAttribute("data-state", "stopped");
  await expect(chat.answers.last()).toContainText("river river");
});

test("conversations are searched, renamed and deleted", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await chat.ask("say rivers");
  await page.getByRole("button", { name: "New conversation" }).click();
  await chat.ask("say hills");
  const list = page.getByRole("navigation", { name: "Conversations" });
  await expect(list.getByRole("link")).toHaveCount(2);
  await page.getByRole("searchbox").fill("river");
  await expect(list.getByRole("link")).toHaveText(["say rivers"]);
  await page.getByRole("searchbox").fill("");
  await list.getByRole("listitem").filter({ hasText: "say hills" }).hover();
  await page.getByRole("button", { name: "Rename say hills" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Hills");
  await page.keyboard.press("Enter");
  await expect(list.getByRole("link")).toHaveText(["Hills", "say rivers"]);
  await page.reload();
  await expect(list.getByRole("link")).toHaveText(["Hills", "say rivers"]);
  await list.getByRole("listitem").filter({ hasText: "Hills" }).hover();
  await page.getByRole("button", { name: "Delete Hills" }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(list.getByRole("link")).toHaveText(["say rivers"]);
});

test("conversations go to a file and come back in another browser", async ({ page, open, browser, shared }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await chat.ask("say rivers");
  await page.getByRole("button", { name: "Export conversations" }).click();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "All" }).click();
  const path = await (await download).path();
  expect(JSON.parse(readFileSync(path, "utf-8"))).toMatchObject({ format: "heylook-conversations", version: 1 });

  const context = await browser.newContext();
  const other = await context.newPage();
  await other.goto(`${shared}/playground/#/chat`);
  await other.getByLabel("File with conversations").setInputFiles(path);
  await expect(other.getByText("1 imported.")).toBeVisible();
  await other.keyboard.press("Escape");
  await other.getByRole("link", { name: "say rivers" }).click();
  await expect(new Chatting(other).answers.last()).toContainText("rivers");
  await other
    .getByLabel("File with conversations")
    .setInputFiles({ name: "x.json", mimeType: "application/json", buffer: Buffer.from("{}") });
  await expect(other.getByText("not exported by the playground")).toBeVisible();
  await context.close();
});

test("a damaged conversation is told and can be deleted, the others stay", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await chat.ask("say rivers");
  await page.evaluate(async () => {
    const opened = indexedDB.open("heylook-playground");
    await new Promise((resolve) => opened.addEventListener("success", resolve));
    const transaction = opened.result.transaction("conversations", "readwrite");
    transaction.objectStore("conversations").put({ messages: "none" }, "bad");
    await new Promise((resolve) => transaction.addEventListener("complete", resolve));
    opened.result.close();
  });
  await page.reload();
  await page.getByRole("link", { name: /Damaged conversation/ }).click();
  await expect(page.getByText("This conversation is damaged")).toBeVisible();
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page.getByRole("link", { name: /Damaged/ })).toBeHidden();
  await page.getByRole("link", { name: "say rivers" }).click();
  await expect(chat.answers.last()).toContainText("rivers");
});

test("a browser without storage chats, and says that nothing is kept", async ({ page, open }) => {
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException("Storage is switched off.", "SecurityError");
    };
    window.BroadcastChannel = class extends EventTarget {
      constructor() {
        super();
        throw new DOMException("Storage is switched off.", "SecurityError");
      }
    } as unknown as typeof BroadcastChannel;
  });
  await open("chat");
  const chat = new Chatting(page);
  await expect(page.getByText(/gives no storage.*Storage is switched off/)).toBeVisible();
  await chat.choose("scripted");
  await expect(await chat.ask("say rivers")).toContainText("rivers");
});

test("damaged settings of the browser leave the defaults", async ({ page, open }) => {
  await page.addInitScript(() => {
    for (const key of ["heylook-chosen", "heylook-theme", "heylook-presets"]) localStorage.setItem(key, "{not JSON");
    localStorage.setItem("heylook-connection", '{"state": {"baseUrl": 5, "apiKey": null}, "version": 1}');
  });
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await expect(await chat.ask("say rivers")).toContainText("rivers");
});

import type { Page } from "@playwright/test";
import { exported } from "../src/chat/storage/exchange";
import { CONVERSATIONS } from "./conversations";
import { expect, expectLooks, LARGE, PHONE, test } from "./test";

/** Opens one of the imported conversations. */
async function openConversation(page: Page, id: string): Promise<void> {
  const file = { name: "conversations.json", mimeType: "application/json", buffer: content() };
  await page.getByLabel("File with conversations").setInputFiles(file);
  await expect(page.getByText(`${CONVERSATIONS.length} imported.`)).toBeVisible();
  await page.keyboard.press("Escape");
  await page.evaluate((wanted) => {
    window.location.hash = `#/chat/${wanted}`;
  }, id);
  await expect(page.locator('[data-role="assistant"]').first()).toBeVisible();
  await expect(page.locator(".hljs-keyword, .hljs-attr").first()).toBeAttached();
}

function content(): Buffer {
  return Buffer.from(exported([...CONVERSATIONS]));
}

async function scrollToBegin(page: Page): Promise<void> {
  await page.getByRole("region", { name: "Conversation", exact: true }).evaluate((it) => it.scrollTo({ top: 0 }));
  await expect(page.getByRole("button", { name: "To the end" })).toBeVisible();
}

test("a chat with long text and code", async ({ page, open }) => {
  await open("chat");
  await openConversation(page, "prose");
  await expectLooks(page, "chat-code");
  await scrollToBegin(page);
  await expectLooks(page, "chat-text");
  await page.setViewportSize(LARGE);
  await expectLooks(page, "chat-large");
});

test("a chat with a table and JSON", async ({ page, open }) => {
  await open("chat");
  await openConversation(page, "table");
  await expectLooks(page, "chat-json");
  await scrollToBegin(page);
  await expectLooks(page, "chat-table");
});

test("a chat with answers that ended early, and a call of a tool", async ({ page, open }) => {
  await open("chat");
  await openConversation(page, "ends");
  await expectLooks(page, "chat-failed");
  await scrollToBegin(page);
  await expectLooks(page, "chat-ends");
});

test("a chat on a phone", async ({ page, open }) => {
  await open("chat");
  await openConversation(page, "prose");
  await page.setViewportSize(PHONE);
  await page.reload();
  await expect(page.locator(".hljs-keyword").first()).toBeAttached();
  await expectLooks(page, "chat-code-phone");
  await scrollToBegin(page);
  await expectLooks(page, "chat-text-phone");
});

test("settings beside a chat", async ({ page, open }) => {
  await open("chat");
  await page.getByRole("button", { name: "Settings of this conversation" }).click();
  await expect(page.getByLabel("Temperature")).toBeVisible();
  await expectLooks(page, "chat-settings");
});

for (const name of ["chat", "models"]) {
  test(`the page ${name} without a server`, async ({ page, open }) => {
    await page.addInitScript(() => {
      const state = { baseUrl: "http://127.0.0.1:9/", apiKey: "", adminToken: "" };
      localStorage.setItem("heylook-connection", JSON.stringify({ state, version: 1 }));
    });
    await open(name);
    await expect(page.getByText("Not connected")).toBeVisible();
    await expect(page.getByRole("alert").first()).toBeVisible();
    await expectLooks(page, `${name}-offline`);
  });
}

test("compared lines", async ({ page, open }) => {
  await open("embeddings");
  await page.getByRole("textbox", { name: "Lines to compare" }).fill("a cat sleeps\nshares fell\nthe cat slept\nrain");
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.getByRole("region", { name: "Similarity matrix" })).toBeVisible();
  await page.mouse.move(0, 0);
  await expectLooks(page, "embeddings-compared");
});

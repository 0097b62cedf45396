import { expectAccessible } from "./harness/axe";
import { BROKEN, SCRIPTED, SLOW } from "./harness/models";
import { installed } from "./harness/prepared";
import { TestServer } from "./harness/server";
import { expect, test } from "./harness/test";

/** A server of this file, in which nobody else loads or unloads. */
let own: TestServer;

test.beforeAll(async () => {
  own = await TestServer.start({ models: [SCRIPTED, SLOW], defaultModel: SLOW.id });
});

test.afterAll(() => own.stop());

test("a model is loaded and unloaded by keyboard, and the reasons are listed", async ({ page, open }) => {
  await open("models", own.url);
  const item = page.getByRole("listitem", { name: "scripted" });
  await expect(item.getByRole("status").getByText("Not loaded")).toBeVisible();
  await item.getByRole("button", { name: "Load scripted" }).focus();
  await page.keyboard.press("Enter");
  await expect(item.getByRole("status").getByText("Loaded", { exact: true })).toBeVisible();
  await expect(item.getByText("speech")).toBeVisible();
  const events = page.getByRole("list", { name: "Events" });
  await expect(events.getByRole("listitem").filter({ hasText: "scripted" }).first()).toContainText("loaded");
  await expectAccessible(page);

  await item.getByRole("button", { name: "Unload scripted" }).focus();
  await page.keyboard.press("Space");
  await expect(item.getByRole("status").getByText("Not loaded")).toBeVisible();
  await expect(events.getByRole("listitem").first()).toContainText("unloaded");
});

test("a model that cannot be loaded says why", async ({ page, open }) => {
  test.skip(!installed().sees, "MLX is not installed: there is no model that is broken");
  await open("models");
  const item = page.getByRole("listitem", { name: BROKEN.id, exact: true });
  await item.getByRole("button", { name: "Load broken" }).click();
  await expect(item.getByRole("alert")).toContainText("/nowhere/broken");
  await expect(item.getByRole("button", { name: "Load broken" })).toBeEnabled();
});

test("a running request is shown, and its model leaves after it", async ({ page, open }) => {
  await open("models", own.url);
  const item = page.getByRole("listitem", { name: "slow", exact: true });
  await expect(item.getByRole("status").getByText("Loaded", { exact: true })).toBeVisible();
  const answer = page.request.post(`${own.url}/v1/chat/completions`, {
    data: { model: "slow", messages: [{ role: "user", content: "repeat 150 word" }] },
  });
  await expect(item.getByText("1 running")).toBeVisible();
  await item.getByRole("button", { name: "Unload slow" }).click();
  await expect(item.getByText("It leaves as soon as it is idle.")).toBeVisible();
  expect((await answer).status()).toBe(200);
  await expect(item.getByRole("status").getByText("Not loaded")).toBeVisible();
});

test("settings that are read again bring models and take them away", async ({ page, open, startServer }) => {
  const server = await startServer({ models: [SCRIPTED] });
  await open("models", server.url);
  await expect(page.getByRole("listitem", { name: "scripted", exact: true })).toBeVisible();
  server.configure({ models: [{ ...SLOW, pin: true }] });
  await page.getByRole("button", { name: "Read settings again" }).click();
  await expect(page.getByText("Added: slow. Removed: scripted.")).toBeVisible();
  await expect(page.getByRole("listitem", { name: "scripted", exact: true })).toBeHidden();
  const slow = page.getByRole("listitem", { name: "slow", exact: true });
  await slow.getByRole("button", { name: "Load slow" }).click();
  await expect(slow.getByText("pinned")).toBeVisible();
  server.configure({ models: [{ ...SLOW, config: { delays: 1 } }] });
  await page.getByRole("button", { name: "Read settings again" }).click();
  await expect(page.getByRole("alert")).toContainText("delays");
});

test("a pull that cannot be is refused in the dialog, which Escape closes", async ({ page, open }) => {
  await open("models");
  await page.getByRole("button", { name: "Pull a model" }).click();
  const dialog = page.getByRole("dialog", { name: "Pull a model" });
  await expectAccessible(page);
  await dialog.getByRole("textbox", { name: "Model" }).fill("no repository");
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("alert")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
});

test("without the admin token the page says what is wanted", async ({ page, open, startServer }) => {
  const server = await startServer({
    models: [SCRIPTED],
    defaultModel: SCRIPTED.id,
    server: { admin_tokens: ["let me in"] },
  });
  await open("models", server.url);
  await expect(page.getByRole("alert").filter({ hasText: "X-Admin-Token" }).first()).toBeVisible();
  await page.evaluate(() => {
    const state = { baseUrl: "", apiKey: "", adminToken: "let me in" };
    localStorage.setItem("heylook-connection", JSON.stringify({ state, version: 1 }));
  });
  await page.reload();
  await expect(page.getByRole("meter")).toBeVisible();
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("a server that goes away and comes back is told, and found again", async ({ page, open }) => {
  await open("models", own.url);
  await expect(page.getByRole("status").filter({ hasText: "Connected" })).toBeVisible();
  await own.kill();
  await expect(page.getByRole("alert").first()).toContainText("does not answer");
  await own.start();
  await expect(page.getByRole("alert")).toHaveCount(0, { timeout: 30_000 });
});

import type { APIRequestContext } from "@playwright/test";
import { expectAccessible } from "./harness/axe";
import { DEMO } from "./harness/models";
import { expect, test } from "./harness/test";

function chat(request: APIRequestContext, url: string, model: string, content: string) {
  return request.post(`${url}/v1/chat/completions`, { data: { model, messages: [{ role: "user", content }] } });
}

test("requests that run are listed, and can be ended by keyboard", async ({ page, open, shared }) => {
  await open("performance");
  await expect(page.getByText("Nothing runs and nothing waits")).toBeVisible();
  const answers = [1, 2].map(() => chat(page.request, shared, "slow", "repeat 200 word"));
  const table = page.getByRole("region", { name: "Requests that run or wait" }).getByRole("table");
  await expect(table.getByText("answers")).toHaveCount(2);
  await expectAccessible(page);
  await table.getByRole("button").first().focus();
  await page.keyboard.press("Enter");
  await expect(table.getByText("answers")).toHaveCount(1);
  const statuses = (await Promise.all(answers)).map((answer) => answer.status());
  expect(statuses.filter((status) => status === 200)).toHaveLength(1);
});

test("what was asked is counted, drawn and listed with the reason of its misses", async ({ page, open, shared }) => {
  for (let turn = 0; turn < 2; turn += 1) {
    expect((await chat(page.request, shared, DEMO, "What is heylook?")).status()).toBe(200);
  }
  await open("performance");
  const kept = page.getByRole("region", { name: "Kept prompts by model" });
  await expect(kept.getByRole("cell", { name: DEMO })).toBeVisible();
  await expect(page.getByRole("region", { name: "Reuse of the last requests" })).toBeVisible();
  const last = page.getByRole("region", { name: "The last requests", exact: true }).getByRole("row").nth(1);
  await expect(last).toContainText(DEMO);
  for (const name of ["Speed", "Time", "Memory"]) {
    const chart = page.getByRole("figure", { name, exact: true });
    await expect(chart.locator("canvas")).toBeVisible();
  }
  await page.getByRole("combobox", { name: "Time range" }).selectOption("7d");
  await expect(page.getByRole("figure", { name: "Memory" }).locator("canvas")).toBeVisible();
  await expectAccessible(page);
});

test("kept prompts can be dropped", async ({ page, open, shared }) => {
  expect((await chat(page.request, shared, DEMO, "What is heylook?")).status()).toBe(200);
  await open("performance");
  const kept = page.getByRole("region", { name: "Kept prompts by model" });
  await expect(kept.getByRole("row", { name: new RegExp(`^${DEMO} [1-9]`) })).toBeVisible();
  await page.getByRole("button", { name: "Drop all" }).click();
  await expect(kept.getByRole("row", { name: new RegExp(`^${DEMO} 0 `) })).toBeVisible();
});

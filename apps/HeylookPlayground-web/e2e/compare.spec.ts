import { expectAccessible } from "./harness/axe";
import { DEMO } from "./harness/models";
import { expect, test } from "./harness/test";
import type { Page } from "@playwright/test";

async function choose(page: Page, column: number, model: string): Promise<void> {
  await page.getByRole("button", { name: new RegExp(`^Model ${column}:`) }).click();
  await page.getByRole("combobox", { name: `Model ${column}` }).fill(model);
  await page
    .getByRole("option", { name: new RegExp(`^${model}\\b`) })
    .first()
    .click();
}

async function ask(page: Page, text: string): Promise<void> {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.keyboard.press("Enter");
}

test("two models answer the same question side by side, each with its metrics", async ({ page, open }) => {
  await open("compare");
  await choose(page, 1, DEMO);
  await choose(page, 2, "scripted");
  await ask(page, "My name is Ada.");
  for (const model of [DEMO, "scripted"]) {
    const answer = page.getByRole("article", { name: `Answer of ${model}` });
    await expect(answer).toContainText("Ada");
    await expect(answer.locator('[data-metric="First token"]')).toContainText(/\d (ms|s)$/);
    await expect(answer.locator('[data-metric="End"]')).toHaveText("stop");
  }
  await ask(page, "What is my name?");
  const round = page.getByRole("region", { name: "What is my name?" });
  await expect(round.getByRole("article", { name: `Answer of ${DEMO}` })).toContainText("Your name is Ada.");
  await expectAccessible(page);
});

test("a third model joins, all are stopped at once, and one failure leaves the others", async ({ page, open }) => {
  await open("compare");
  await choose(page, 1, "slow");
  await choose(page, 2, "scripted");
  await page.getByRole("button", { name: "Add a model" }).click();
  await choose(page, 3, "slow");
  await ask(page, "repeat 200 river");
  const slow = page.getByRole("article", { name: "Answer of slow" });
  await expect(slow).toHaveCount(2);
  await expect(slow.first()).toContainText("river");
  await expect(slow.last()).toContainText("river");
  await page.getByRole("button", { name: "Stop the answer" }).click();
  await expect(slow.first().getByText("stopped")).toBeVisible();
  await expect(slow.last().getByText("stopped")).toBeVisible();
  await page.getByRole("button", { name: "Remove model 3" }).click();
  await expect(slow).toHaveCount(1);
  await page.getByRole("button", { name: "Clear" }).click();
  await expect(page.getByRole("article")).toHaveCount(0);
});

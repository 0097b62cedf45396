import type { Page } from "@playwright/test";
import { Chatting } from "./harness/chatting";
import { expect, test } from "./harness/test";

/** A conversation with one turn, and another tab of the same browser that shows it. */
async function twoTabs(page: Page): Promise<[Chatting, Chatting]> {
  const first = new Chatting(page);
  await first.choose("scripted");
  await first.ask("say rivers");
  const other = await page.context().newPage();
  await other.goto(page.url());
  const second = new Chatting(other);
  await expect(second.answers).toHaveCount(1);
  return [first, second];
}

test("what is said in one tab is shown in the other, and what both say is kept", async ({ page, open }) => {
  await open("chat");
  const [first, second] = await twoTabs(page);
  await second.ask("say hills");
  await expect(first.answers.last()).toContainText("hills");
  await expect(first.answers.last()).toHaveAttribute("data-state", "complete");

  await first.choose("slow");
  await first.send("repeat 40 wood");
  await expect(first.answers.last()).toContainText("wood");
  await second.questions.first().getByRole("button", { name: "Edit the question" }).click();
  await second.page.getByRole("textbox", { name: "Edit the question" }).fill("say lakes");
  await second.page.getByRole("button", { name: "Ask again" }).click();
  await expect(await second.complete()).toContainText("lakes");
  await first.complete();
  await expect(first.answers).toHaveCount(3);

  for (const chat of [first, second]) {
    await chat.page.reload();
    const branches = chat.questions.first().getByRole("group", { name: "Branches" });
    await expect(branches).toContainText("/ 2");
    if ((await branches.textContent())?.startsWith("2")) await branches.getByRole("button").first().click();
    await expect(chat.answers).toHaveCount(3);
    await expect(chat.answers.last()).toContainText("wood ".repeat(40).trim());
    await branches.getByRole("button", { name: "Next branch" }).click();
    await expect(chat.answers.last()).toContainText("lakes");
  }
});

test("an answer that arrives in another tab grows here, and is stopped from here", async ({ page, open }) => {
  await open("chat");
  const [first, second] = await twoTabs(page);
  await first.choose("slow");
  await first.send("repeat 300 wood");
  const shown = second.answers.last();
  await expect(shown).toContainText("wood wood");
  await expect(shown.getByRole("status")).toContainText("It arrives in another tab");
  await expect(shown).toHaveAttribute("data-state", "streaming");
  await second.stop.click();
  await expect(first.answers.last()).toHaveAttribute("data-state", "stopped");
  await expect(shown).toHaveAttribute("data-state", "stopped");
  const kept = (await first.answers.last().getByRole("paragraph").nth(1).textContent()) ?? "";
  await expect(shown.getByRole("paragraph").nth(1)).toHaveText(kept);
});

test("a conversation that is deleted in one tab is gone in the other", async ({ page, open }) => {
  await open("chat");
  const [first, second] = await twoTabs(page);
  const list = page.getByRole("navigation", { name: "Conversations" });
  await list.getByRole("listitem").hover();
  await page.getByRole("button", { name: "Delete say rivers" }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(second.page.getByText("It was deleted in another tab.")).toBeVisible();
  await expect(first.questions).toHaveCount(0);
  await second.page.getByRole("button", { name: "Begin another one" }).click();
  await expect(await second.ask("say hills")).toContainText("hills");
  await expect(list.getByRole("link")).toHaveText(["say hills"]);
});

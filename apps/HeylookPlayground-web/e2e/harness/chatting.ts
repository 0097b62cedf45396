import { expect, type Locator, type Page } from "@playwright/test";

/** A user at the page of chats, by what is read aloud. */
export class Chatting {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  get field(): Locator {
    return this.page.getByRole("textbox", { name: "Message" });
  }

  get questions(): Locator {
    return this.page.locator('[data-role="user"]');
  }

  get answers(): Locator {
    return this.page.locator('[data-role="assistant"]');
  }

  get stop(): Locator {
    return this.page.getByRole("button", { name: "Stop the answer" });
  }

  get settings(): Locator {
    return this.page.getByRole("complementary", { name: "Settings of this conversation" });
  }

  /** Picks a model from the list. */
  async choose(model: string): Promise<void> {
    await this.page.getByRole("button", { name: /^Model:/ }).click();
    await this.page.getByRole("combobox", { name: "Model" }).fill(model);
    await this.page
      .getByRole("option", { name: new RegExp(`^${model}\\b`) })
      .first()
      .click();
    await expect(this.page.getByRole("button", { name: `Model: ${model}` })).toBeVisible();
  }

  /** Sends, and does not wait for the answer. */
  async send(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
    await expect(this.questions.last()).toContainText(text);
  }

  /** Sends, and waits until the answer is complete. */
  async ask(text: string): Promise<Locator> {
    await this.send(text);
    return this.complete();
  }

  async complete(): Promise<Locator> {
    const last = this.answers.last();
    await expect(last).toHaveAttribute("data-state", "complete", { timeout: 60_000 });
    return last;
  }

  async openSettings(): Promise<void> {
    await this.page.getByRole("button", { name: "Settings of this conversation" }).click();
    await expect(this.settings).toBeVisible();
  }

  metric(answer: Locator, name: string): Locator {
    return answer.locator(`[data-metric="${name}"]`);
  }
}

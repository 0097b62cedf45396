import { expectAccessible } from "./harness/axe";
import { Chatting } from "./harness/chatting";
import { DEMO } from "./harness/models";
import { expect, test } from "./harness/test";

test("the demo model answers, and its answer tells what it took", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose(DEMO);
  const answer = await chat.ask("What is heylook?");
  await expect(answer).toContainText(/heylook is a local/);
  await expect(chat.metric(answer, "First token")).toContainText(/\d (ms|s)$/);
  await expect(chat.metric(answer, "Speed")).toContainText(/[1-9].* tok\/s/);
  await expect(chat.metric(answer, "Prompt")).toContainText(/^\d+ tokens/);
  await expect(chat.metric(answer, "Answer")).toContainText(/^\d+ tokens/);
  await expectAccessible(page);
});

test("a conversation of several turns remembers, and reuses what was read before", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose(DEMO);
  await chat.ask("My name is Ada.");
  const answer = await chat.ask("What is my name?");
  await expect(answer).toContainText("Your name is Ada.");
  await expect(chat.metric(answer, "Prompt")).toContainText(/[1-9]\d* cached/);
});

test("a stopped answer keeps what had come, and goes on from there", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("slow");
  await chat.send("repeat 60 river");
  await expect(chat.answers.last()).toContainText("river river");
  await chat.stop.click();
  const answer = chat.answers.last();
  await expect(answer).toHaveAttribute("data-state", "stopped");
  await expect(answer.getByText("stopped")).toBeVisible();
  const kept = (await answer.getByRole("paragraph").nth(1).textContent()) ?? "";
  expect(kept.split(" ").length).toBeLessThan(60);
  await answer.getByRole("button", { name: "Continue" }).click();
  await chat.complete();
  await expect(answer).toContainText(kept);
  await expect(chat.answers).toHaveCount(1);
});

test("Escape stops the answer", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("slow");
  await chat.send("repeat 200 river");
  await expect(chat.answers.last()).toContainText("river");
  await page.keyboard.press("Escape");
  await expect(chat.answers.last()).toHaveAttribute("data-state", "stopped");
});

test("another answer is a branch beside the first", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await chat.ask("say one");
  await chat.answers.last().getByRole("button", { name: "Answer again" }).click();
  await chat.complete();
  const branches = chat.answers.last().getByRole("group", { name: "Branches" });
  await expect(branches).toContainText("2 / 2");
  await branches.getByRole("button", { name: "Previous branch" }).click();
  await expect(chat.answers.last().getByRole("group", { name: "Branches" })).toContainText("1 / 2");
  await expect(chat.answers).toHaveCount(1);
});

test("an edited question is a branch with its own answer, and the first stays", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await chat.ask("say first");
  await chat.ask("say second");
  await chat.questions.first().getByRole("button", { name: "Edit the question" }).click();
  await page.getByRole("textbox", { name: "Edit the question" }).fill("say third");
  await page.getByRole("button", { name: "Ask again" }).click();
  await chat.complete();
  await expect(chat.answers).toHaveCount(1);
  await expect(chat.answers.last()).toContainText("third");
  await chat.questions.first().getByRole("button", { name: "Previous branch" }).click();
  await expect(chat.answers).toHaveCount(2);
  await expect(chat.answers.last()).toContainText("second");
});

test("an answer in other words is a branch that the model goes on from", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose(DEMO);
  await chat.ask("My name is Ada.");
  await chat.questions.last().getByRole("button", { name: "Copy the question" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("My name is Ada.");
  await chat.answers.last().getByRole("button", { name: "Edit the answer" }).click();
  await page.getByRole("textbox", { name: "Edit the answer" }).fill("Hello Ada.");
  await page.keyboard.press("Enter");
  await expect(chat.answers.last()).toContainText("Hello Ada.");
  await expect(chat.answers.last().getByRole("group", { name: "Branches" })).toContainText("2 / 2");
  await expect(await chat.ask("What is my name?")).toContainText("Ada");
});

test("a message is deleted with what follows it, after a question", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await chat.ask("say first");
  await chat.ask("say second");
  await chat.questions.last().getByRole("button", { name: "Delete the message" }).click();
  await page.getByRole("button", { name: "Delete 2 messages" }).click();
  await expect(chat.answers).toHaveCount(1);
  await expect(chat.answers.last()).toContainText("first");
});

test("thoughts are folded once the answer has come", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("scripted");
  const answer = await chat.ask("think about rivers");
  const thoughts = answer.getByRole("button", { name: "Thoughts" });
  await expect(thoughts).toHaveAttribute("aria-expanded", "false");
  await thoughts.click();
  await expect(answer).toContainText("about rivers");
});

test("a tool call is shown as such, and its result is answered", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await chat.openSettings();
  const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
  const tool = { type: "function", function: { name: "weather", description: "The weather.", parameters } };
  await chat.settings.getByRole("textbox", { name: "Tools" }).fill(JSON.stringify([tool]));
  const answer = await chat.ask("Use weather for the city Ulm");
  const call = answer.getByRole("region", { name: "Call of weather" });
  await expect(call).toContainText('"city"');
  await call.getByRole("textbox", { name: "Result" }).fill("Rain, 12 degrees");
  await call.getByRole("button", { name: "Send the result" }).click();
  await expect(page.locator('[data-role="tool"]')).toContainText("Rain, 12 degrees");
  await expect(chat.answers.last()).toContainText("Rain, 12 degrees");
  await expectAccessible(page);
});

test("JSON is answered on demand and shown as JSON", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await chat.openSettings();
  await chat.settings.getByRole("combobox", { name: "Format" }).selectOption("JSON of a schema");
  const schema = {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  };
  await chat.settings.getByRole("textbox", { name: "JSON schema" }).fill(JSON.stringify(schema));
  const answer = await chat.ask("The city is Ulm");
  await expect(answer.getByLabel("Code in json")).toContainText('"city"');
});

test("the sampling panel shows the model's own defaults, and what is set is sent", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose(DEMO);
  await chat.openSettings();
  await expect(chat.settings.getByLabel("Temperature")).toHaveAttribute("placeholder", "0");
  await chat.settings.getByLabel("Most tokens").fill("3");
  const answer = await chat.ask("What is heylook?");
  await expect(answer.getByText("cut off at the token limit")).toBeVisible();
  await expect(chat.metric(answer, "Answer")).toContainText("3 tokens");
});

test("what the server refuses is told in its words", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose(DEMO);
  await chat.openSettings();
  await chat.settings.getByLabel("Temperature").fill("9");
  await expect(chat.settings.getByText("0 to 2")).toBeVisible();
  await chat.send("What is heylook?");
  await expect(chat.answers.last().getByRole("alert")).toContainText("temperature");
  await expectAccessible(page);
});

test("settings become a preset that other conversations take", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.openSettings();
  await chat.settings.getByLabel("System prompt").fill("Be brief.");
  await chat.settings.getByRole("button", { name: "Save as a preset" }).click();
  await chat.settings.getByLabel("Name of the preset").fill("Brief");
  await chat.settings.getByRole("button", { name: "Save", exact: true }).click();
  await chat.settings.getByLabel("Preset", { exact: true }).selectOption("As the model has it");
  await expect(chat.settings.getByLabel("System prompt")).toHaveValue("");
  await page.reload();
  await chat.openSettings();
  await chat.settings.getByLabel("Preset", { exact: true }).selectOption("Brief");
  await expect(chat.settings.getByLabel("System prompt")).toHaveValue("Be brief.");
});

test("a conversation is held by keyboard alone", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await page.keyboard.press("Control+m");
  await page.keyboard.type("scripted");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Model: scripted" })).toBeVisible();
  await chat.field.focus();
  await page.keyboard.type("say first");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("line");
  await page.keyboard.press("Enter");
  await chat.complete();
  await chat.field.focus();
  await page.keyboard.press("ArrowUp");
  await expect(page.getByRole("textbox", { name: "Edit the question" })).toBeFocused();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("searchbox", { name: "Search the conversations" })).toBeFocused();
  await page.keyboard.press("Control+Shift+O");
  await expect(page.getByRole("heading", { level: 1, name: "New conversation" })).toBeVisible();
  await page.keyboard.press("Control+/");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
});

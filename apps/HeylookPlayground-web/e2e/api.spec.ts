import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { Chatting } from "./harness/chatting";
import { DEMO } from "./harness/models";
import { PYTHON } from "./harness/python";
import { expect, test } from "./harness/test";

const run = promisify(execFile);

test("the same chat is shown as OpenAI's and as Ollama's bytes", async ({ page, open }) => {
  await open("api");
  await page.getByRole("button", { name: /^Model:/ }).click();
  await page.getByRole("option", { name: new RegExp(`^${DEMO} `) }).click();
  await page.getByRole("tab", { name: "OpenAI" }).click();
  await expect(page.getByLabel("Code in json")).toContainText("POST /v1/chat/completions");
  await page.getByRole("button", { name: "Send" }).click();
  const bytes = page.getByLabel("Bytes of the response");
  await expect(bytes).toContainText("data: [DONE]");
  await expect(bytes).toContainText('"object":"chat.completion.chunk"');
  await page.getByRole("tab", { name: "Ollama" }).click();
  await expect(page.getByLabel("Code in json")).toContainText("POST /api/chat");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(bytes).toContainText('"done":true');
});

test("an API is offered where the server describes it, and nowhere else", async ({ page, open, shared }) => {
  const { paths } = (await (await page.request.get(`${shared}/openapi.json`)).json()) as { paths: object };
  await open("api");
  const tab = page.getByRole("tab", { name: "Anthropic" });
  await expect(page.getByRole("tab", { name: "OpenAI" })).toBeVisible();
  await expect(tab).toHaveCount("/v1/messages" in paths ? 1 : 0);
  for (const described of [true, false]) {
    await page.unrouteAll();
    await page.route(`${shared}/openapi.json`, async (route) => {
      const { "/v1/messages": _, ...others } = paths as Record<string, unknown>;
      await route.fulfill({ json: { paths: described ? { ...others, "/v1/messages": {} } : others } });
    });
    await page.reload();
    await expect(page.getByRole("tab", { name: "OpenAI" })).toBeVisible();
    await expect(tab).toHaveCount(described ? 1 : 0);
    if (!described) continue;
    await tab.click();
    await expect(page.getByLabel("Code in json")).toContainText("POST /v1/messages");
  }
});

test("a conversation of the chat is sent up to its last question", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose(DEMO);
  await chat.ask("My name is Ada.");
  await chat.ask("What is my name?");
  await page.getByRole("link", { name: "API" }).click();
  await page.getByLabel("What is sent").selectOption("My name is Ada.");
  const request = page.getByLabel("Code in json");
  await expect(request).toContainText("What is my name?");
  await expect(request).not.toContainText("Your name is Ada");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByLabel("Bytes of the response")).toContainText('"finish_reason":"stop"');
});

test("what is copied as curl, Python and TypeScript runs and is answered", async ({ page, open }, info) => {
  await open("api");
  await page.getByRole("button", { name: /^Model:/ }).click();
  await page.getByRole("option", { name: /^scripted / }).click();
  await page.getByLabel("Question").fill('say it\'s "Ulm" \\ ü');
  const programs: [string, string, (file: string) => [string, string[]]][] = [
    ["curl", "sh", (file) => ["sh", [file]]],
    ["Python", "py", (file) => [PYTHON, [file]]],
    ["TypeScript", "mjs", (file) => ["node", [file]]],
  ];
  for (const [name, ending, command] of programs) {
    await page.getByRole("tab", { name }).click();
    await page.getByRole("tabpanel").last().getByRole("button", { name: "Copy code" }).click();
    const code = await page.evaluate(() => navigator.clipboard.readText());
    const file = info.outputPath(`request.${ending}`);
    // Node 20 runs no types; the only one is the mark that there is a body.
    writeFileSync(file, code.replace("response.body!", "response.body"), { flag: "w" });
    const [program, args] = command(file);
    const { stdout } = await run(program, args);
    const told = stdout
      .split("\n")
      .flatMap((line) => (line.startsWith("data: {") ? [JSON.parse(line.slice(6)) as Chunk] : []))
      .map((chunk) => chunk.choices[0]?.delta.content ?? "");
    expect(told.join(""), name).toContain('it\'s "Ulm" \\ ü');
  }
});

interface Chunk {
  choices: { delta: { content?: string } }[];
}

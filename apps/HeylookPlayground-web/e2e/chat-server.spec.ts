import { Chatting } from "./harness/chatting";
import { expectAccessible } from "./harness/axe";
import { DEMO, SCRIPTED, SLOW, type ModelEntry } from "./harness/models";
import { installed } from "./harness/prepared";
import { TestServer } from "./harness/server";
import { expect, test } from "./harness/test";

const MODELS = [SCRIPTED, SLOW];

/** A server of this file, to be ended, begun anew and read again. */
let own: TestServer;

test.beforeAll(async () => {
  own = await TestServer.start({ models: MODELS, defaultModel: SLOW.id, server: { keepalive: 0.2 } });
});

test.afterAll(() => own.stop());

test("a server that dies in mid-answer leaves what had come, and answers again once it is back", async ({
  page,
  open,
}) => {
  await open("chat", own.url);
  const chat = new Chatting(page);
  await chat.choose("slow");
  await chat.send("repeat 300 river");
  await expect(chat.answers.last()).toContainText("river river");
  await own.kill();
  const answer = chat.answers.last();
  await expect(answer).toHaveAttribute("data-state", "failed");
  await expect(answer).toContainText("river river");
  await expect(answer.getByRole("alert")).toContainText("The answer was cut off");
  await expect(page.getByText("Not connected")).toBeVisible({ timeout: 30_000 });
  await expectAccessible(page);

  await chat.choose("scripted");
  await chat.send("say offline");
  await expect(chat.answers.last().getByRole("alert")).toContainText("No connection to the server");

  await own.start();
  await expect(page.getByText("Connected", { exact: true })).toBeVisible();
  await chat.answers.last().getByRole("button", { name: "Try again" }).click();
  await expect(await chat.complete()).toContainText("offline");
});

test("a model that is not served any more is told, and another one goes on", async ({ page, open }) => {
  const reload = async (models: ModelEntry[]) => {
    own.configure({ models });
    expect((await page.request.post(`${own.url}/v1/admin/reload`)).ok()).toBe(true);
  };
  await open("chat", own.url);
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await chat.ask("say rivers");
  await reload([SLOW]);
  await chat.send("say hills");
  await expect(chat.answers.last().getByRole("alert")).toContainText("Not found");
  await expect(page.getByRole("button", { name: "Model: scripted, not served any more" })).toBeVisible({
    timeout: 20_000,
  });
  await chat.choose("slow");
  await chat.answers.last().getByRole("button", { name: "Answer again" }).click();
  await expect(await chat.complete()).toContainText("hills");
  await reload(MODELS);
});

test("while nothing comes the page says that it waits, whatever the keepalives", async ({ page, open }) => {
  await open("chat", own.url);
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await chat.send("wait 3 all is well");
  await expect(chat.answers.last().getByRole("status")).toContainText(/at work|Waiting|Loading/);
  const answer = await chat.complete();
  await expect(chat.metric(answer, "First token")).toContainText(/^[3-9]|^[1-9]\d/);
  await expect(answer).toContainText("all is well");
  await expect(answer).not.toContainText("keepalive");
});

test("an API key is asked for, and entered under settings", async ({ page, open, startServer }) => {
  const server = await startServer({ models: [SCRIPTED], defaultModel: "scripted", server: { api_keys: ["sk-one"] } });
  await open("chat", server.url);
  await expect(page.getByRole("alert")).toContainText("The server wants an API key");
  await page.getByRole("alert").getByRole("link", { name: "Settings" }).click();
  await page.getByLabel("API key").fill("sk-one");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByRole("link", { name: "Chat" }).click();
  const chat = new Chatting(page);
  await chat.choose("scripted");
  await expect(await chat.ask("say rivers")).toContainText("rivers");
});

const RED = "red-square.png";

/** The file of a red square, made by the browser. */
async function square(page: import("@playwright/test").Page, type = "image/png"): Promise<Buffer> {
  const url = await page.evaluate((wanted) => {
    const canvas = document.createElement("canvas");
    canvas.width = 56;
    canvas.height = 56;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no canvas");
    context.fillStyle = "#ff0000";
    context.fillRect(0, 0, 56, 56);
    return canvas.toDataURL(wanted);
  }, type);
  return Buffer.from(url.split(",")[1] ?? "", "base64");
}

test("an attached image is seen by a model that sees", async ({ page, open }) => {
  test.skip(!installed().sees, "needs heylook-mlx with its extra vision");
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("squares");
  await chat.openSettings();
  await chat.settings.getByLabel("Temperature").fill("0"); // what is drawn by chance need not be what is seen
  await page
    .getByLabel("Images", { exact: true })
    .setInputFiles({ name: RED, mimeType: "image/png", buffer: await square(page) });
  await expect(page.getByRole("img", { name: RED })).toBeVisible();
  const answer = await chat.ask("What colour is the square?");
  await expect(answer).toContainText("red");
  await expect(chat.questions.last().getByRole("img", { name: RED })).toBeVisible();
  await page.reload();
  await expect(chat.questions.last().getByRole("img", { name: RED })).toBeVisible();
});

test("a model that does not see gets no images, by none of the ways", async ({ page, open }) => {
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose(DEMO);
  await chat.ask("What is heylook?"); // what a model cannot do is known once it is loaded
  await expect(page.getByRole("button", { name: `${DEMO} does not see images` })).toBeDisabled();
  const bytes = [...(await square(page))];
  await chat.field.evaluate((field, data) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(data)], "a.png", { type: "image/png" }));
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true }));
  }, bytes);
  await expect(page.getByRole("alert")).toContainText(`${DEMO} does not see images.`);
});

test("an image is pasted and dropped, and taken out again", async ({ page, open }) => {
  test.skip(!installed().sees, "needs heylook-mlx with its extra vision");
  await open("chat");
  const chat = new Chatting(page);
  await chat.choose("squares");
  const bytes = [...(await square(page))];
  for (const way of ["paste", "drop"]) {
    await chat.field.evaluate(
      (field, [data, kind]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([Uint8Array.from(data as number[])], `${String(kind)}.png`, { type: "image/png" }));
        const options = { bubbles: true, cancelable: true };
        field.dispatchEvent(
          kind === "paste"
            ? new ClipboardEvent("paste", { clipboardData: transfer, ...options })
            : new DragEvent("drop", { dataTransfer: transfer, ...options }),
        );
      },
      [bytes, way] as const,
    );
    await expect(page.getByRole("img", { name: `${way}.png` })).toBeVisible();
    await page.getByRole("button", { name: `Remove ${way}.png` }).click();
    await expect(page.getByRole("img", { name: `${way}.png` })).toBeHidden();
  }
});

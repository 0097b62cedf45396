import { expectAccessible } from "./harness/axe";
import { expect, test } from "./harness/test";

test("lines are compared by keyboard; equal ones are most alike", async ({ page, open }) => {
  await open("embeddings");
  const lines = page.getByRole("textbox", { name: "Lines to compare" });
  const compare = page.getByRole("button", { name: "Compare" });
  await expect(compare).toBeDisabled();
  await lines.fill("a cat sleeps\nshares fell\na cat sleeps\n\n");
  await lines.press("Control+Enter");
  const first = page.getByRole("list", { name: "Most alike" }).getByRole("listitem").first();
  await expect(first).toContainText("1.000");
  await expect(first).toContainText("a cat sleeps");
  const matrix = page.getByRole("region", { name: "Similarity matrix" });
  await expect(matrix.getByRole("row")).toHaveCount(4);
  await expect(matrix.getByRole("row").nth(1).getByRole("cell").nth(2)).toHaveText("1.00");
  await expectAccessible(page);
});

test("the model is chosen, and more lines than can be shown are refused", async ({ page, open, shared }) => {
  expect((await page.request.post(`${shared}/v1/admin/models/scripted/load`)).status()).toBe(200);
  await open("embeddings");
  await page.getByRole("button", { name: /^Embedding model/ }).click();
  await page.getByRole("combobox", { name: "Embedding model" }).fill("scripted");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Embedding model: scripted" })).toBeVisible();
  const lines = page.getByRole("textbox", { name: "Lines to compare" });
  await lines.fill(Array.from({ length: 61 }, (_, at) => `line ${at}`).join("\n"));
  await expect(page.getByText("At most 60 lines")).toBeVisible();
  await lines.fill("one two\nthree");
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.getByRole("region", { name: "Similarity matrix" })).toBeVisible();
});

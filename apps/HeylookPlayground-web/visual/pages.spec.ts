import { expect, expectLooks, PHONE, test } from "./test";

const PAGES = ["chat", "compare", "models", "speech", "embeddings", "performance", "api", "settings"];

for (const name of PAGES) {
  test(`the page ${name}`, async ({ page, open }) => {
    await open(name);
    await expect(page.getByRole("status").filter({ hasText: "Connected" })).toBeVisible();
    await expectLooks(page, name);
  });
}

for (const name of ["chat", "models"]) {
  test(`the page ${name} on a phone`, async ({ page, open }) => {
    await page.setViewportSize(PHONE);
    await open(name);
    await expectLooks(page, `${name}-phone`);
  });
}

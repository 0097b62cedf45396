import type { Page } from "@playwright/test";
import { SCRIPTED, SLOW } from "../e2e/harness/models";
import { expect, test } from "../e2e/harness/test";
import { TestServer } from "../e2e/harness/server";

const PAGES = ["chat", "compare", "models", "speech", "embeddings", "performance", "api", "settings"];
const SCHEMES = ["light", "dark"] as const;

let server: TestServer;

// A server of their own: the same models in the same state, whatever other tests do.
test.beforeAll(async ({ request }) => {
  server = await TestServer.start({
    models: [SCRIPTED, SLOW],
    defaultModel: SCRIPTED.id,
    settings: { memory_budget: "4GB" },
  });
  await expect(async () => expect((await request.get(`${server.url}/ready`)).status()).toBe(200)).toPass();
});

test.afterAll(() => server.stop());

/** Numbers that differ from one run to the next. */
function volatile(page: Page) {
  return [page.locator("[data-volatile]"), page.locator("[data-metric]"), page.getByRole("meter")];
}

async function settled(page: Page): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  await expect(page.getByRole("status").filter({ hasText: "Connected" })).toBeVisible();
  await expect(page.getByText("Asking the server")).toHaveCount(0);
}

for (const scheme of SCHEMES) {
  for (const name of PAGES) {
    test(`${name} in ${scheme}`, async ({ page, open }) => {
      await page.emulateMedia({ colorScheme: scheme });
      await open(name, server.url);
      await settled(page);
      await expect(page).toHaveScreenshot(`${name}-${scheme}.png`, { mask: volatile(page) });
    });
  }
}

for (const name of ["chat", "models"]) {
  test(`${name} on a phone`, async ({ page, open }) => {
    await page.setViewportSize({ width: 390, height: 844 });
    await open(name, server.url);
    await page.evaluate(() => document.fonts.ready);
    await expect(page.getByText("Asking the server")).toHaveCount(0);
    await expect(page).toHaveScreenshot(`${name}-phone.png`, { mask: volatile(page) });
  });
}

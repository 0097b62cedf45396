import type { Page } from "@playwright/test";
import { SCRIPTED, SLOW } from "../e2e/harness/models";
import { TestServer } from "../e2e/harness/server";
import { expect, test as base } from "../e2e/harness/test";

/** Their server has the same models in the same state, whatever other tests do. */
export const test = base.extend<object, { shared: string }>({
  shared: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads which fixtures it wants
    async ({}, give) => {
      const server = await TestServer.start({
        models: [SCRIPTED, SLOW],
        defaultModel: SCRIPTED.id,
        settings: { memory_budget: "4GB" },
      });
      await server.ready();
      await give(server.url);
      await server.stop();
    },
    { scope: "worker" },
  ],
});

export const PHONE = { width: 390, height: 844 };
export const LARGE = { width: 1920, height: 1080 };

/** Numbers that differ from one run to the next. */
function volatile(page: Page) {
  return [page.locator("[data-volatile]"), page.locator("[data-metric]"), page.getByRole("meter")];
}

/** The page as it is now, in light and in dark: `name-light.png` and `name-dark.png`. */
export async function expectLooks(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  await expect(page.getByText("Asking the server")).toHaveCount(0);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await expect.soft(page).toHaveScreenshot(`${name}-${colorScheme}.png`, { mask: volatile(page) });
  }
}

export { expect };

import { expect, test as base, type Page } from "@playwright/test";
import type { ServerOptions } from "./server";
import { TestServer } from "./server";

interface Fixtures {
  /** The address of the server that all tests share, without a slash at the end. */
  shared: string;
  /** Starts a server for this test alone; it ends with the test. */
  startServer: (options: ServerOptions) => Promise<TestServer>;
  /** Opens a page of the app, by its name, on the shared server or another one. */
  open: (name: string, server?: string) => Promise<void>;
}

/** What no test may leave behind: exceptions, and anything that the Content-Security-Policy has forbidden. */
function watch(page: Page): string[] {
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy|React|unique "key"/.test(message.text())) {
      wrong.push(message.text());
    }
  });
  return wrong;
}

export const test = base.extend<Fixtures>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads which fixtures it wants
  shared: async ({}, give) => {
    const url = process.env["PLAYGROUND_SERVER"];
    if (!url) throw new Error("The global setup has started no server.");
    await give(url);
  },

  // oxlint-disable-next-line no-empty-pattern -- Playwright reads which fixtures it wants
  startServer: async ({}, give) => {
    const started: TestServer[] = [];
    await give(async (options) => {
      const server = await TestServer.start(options);
      started.push(server);
      return server;
    });
    await Promise.all(started.map((server) => server.stop()));
  },

  page: async ({ page }, give) => {
    const wrong = watch(page);
    await give(page);
    expect(wrong).toEqual([]);
  },

  open: async ({ page, shared }, give) => {
    await give(async (name, server = shared) => {
      await page.goto(`${server}/playground/#/${name}`);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    });
  },
});

export const sees = (): boolean => process.env["PLAYGROUND_SEES"] === "1";
export const hears = (): boolean => process.env["PLAYGROUND_HEARS"] === "1";
export { expect };

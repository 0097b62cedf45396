import { expect, test as base, type Page } from "@playwright/test";
import { BROKEN, DEMO, SCRIPTED, SLOW, SQUARES, TUNES } from "./models";
import { installed } from "./prepared";
import { TestServer, type ServerOptions } from "./server";

interface WorkerFixtures {
  /** The address of the server that the tests of a worker share, without a slash at the end. */
  shared: string;
}

interface Fixtures {
  /** Starts a server for this test alone; it ends with the test. */
  startServer: (options: ServerOptions) => Promise<TestServer>;
  /** With a failed test goes what the servers have said. */
  logs: void;
  /** Opens a page of the app, by its name, on the shared server or another one. */
  open: (name: string, server?: string) => Promise<void>;
}

const START_MS = 120_000;

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

/** A server with all models of the tests that can be loaded here. */
function everyModel(): ServerOptions {
  const { sees, hears } = installed();
  return {
    defaultModel: DEMO,
    models: [SCRIPTED, SLOW, ...(sees ? [SQUARES, BROKEN] : []), ...(hears ? [TUNES] : [])],
  };
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  shared: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads which fixtures it wants
    async ({}, give) => {
      const server = await TestServer.start(everyModel());
      await server.ready();
      await give(server.url);
      await server.stop();
    },
    { scope: "worker", timeout: START_MS },
  ],

  logs: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads which fixtures it wants
    async ({}, give, testInfo) => {
      await give();
      const servers = TestServer.recent();
      if (testInfo.status === testInfo.expectedStatus) return;
      for (const { url, log } of servers)
        await testInfo.attach(`server ${url}`, { body: log, contentType: "text/plain" });
    },
    { auto: true },
  ],

  // oxlint-disable-next-line no-empty-pattern -- Playwright reads which fixtures it wants
  startServer: async ({}, give) => {
    const started: TestServer[] = [];
    await give(async (options) => {
      const server = await TestServer.start(options);
      started.push(server);
      await server.ready();
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

export { expect };

import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";
import { MICROPHONE } from "./e2e/harness/prepared";

const KNOWN = [
  "/usr/bin/chromium",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** CHROMIUM names another one; without any, Playwright looks for its own. */
const executablePath = process.env["CHROMIUM"] ?? KNOWN.find((path) => existsSync(path));

export default defineConfig({
  globalSetup: "./e2e/harness/prepared.ts",
  outputDir: "test-results",
  workers: 2,
  timeout: 120_000,
  forbidOnly: Boolean(process.env["CI"]),
  updateSnapshots: "none",
  snapshotPathTemplate: "visual/__screenshots__/{arg}{ext}",
  reporter: [["list"]],
  expect: {
    timeout: 30_000,
    toHaveScreenshot: { maxDiffPixels: 400, animations: "disabled", caret: "hide" },
  },
  use: {
    viewport: { width: 1280, height: 800 },
    colorScheme: "light",
    locale: "en-GB",
    timezoneId: "UTC",
    permissions: ["microphone", "clipboard-read", "clipboard-write"],
    trace: "off",
    launchOptions: {
      ...(executablePath ? { executablePath } : {}),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        `--use-file-for-fake-audio-capture=${MICROPHONE}%noloop`,
      ],
    },
  },
  projects: [
    { name: "e2e", testDir: "e2e" },
    { name: "visual", testDir: "visual" },
    { name: "bench", testDir: "bench", testMatch: "*.bench.ts" },
  ],
});

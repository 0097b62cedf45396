import { gzipSync } from "node:zlib";
import { expect, test } from "./harness/test";

/** kB of JavaScript, gzipped, until the first page can be used. */
const MOST = 150;

test(`the first page takes at most ${MOST} kB of JavaScript`, async ({ page, shared }) => {
  const sizes = new Map<string, Promise<number>>();
  page.on("response", (response) => {
    const path = new URL(response.url()).pathname;
    if (path.endsWith(".js"))
      sizes.set(
        path,
        response.body().then((body) => gzipSync(body, { level: 9 }).length / 1000),
      );
  });
  await page.goto(`${shared}/playground/`);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await page.waitForLoadState("networkidle");
  const found = await Promise.all(sizes.values());
  const names = [...sizes.keys()].map((path, at) => `${found[at]?.toFixed(1)} kB ${path.split("/").at(-1)}`);
  const whole = found.reduce((sum, size) => sum + size, 0);
  console.log(`first load: ${whole.toFixed(1)} kB of at most ${MOST} kB\n  ${names.join("\n  ")}`);
  expect(whole).toBeGreaterThan(50);
  expect(whole).toBeLessThanOrEqual(MOST);
});

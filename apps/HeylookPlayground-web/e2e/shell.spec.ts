import { expectAccessible } from "./harness/axe";
import { expect, test } from "./harness/test";

test("the address without a slash leads to the app", async ({ page, shared }) => {
  await page.goto(`${shared}/playground`);
  await expect(page).toHaveURL(/\/playground\/#\//);
  await expect(page.getByRole("navigation", { name: "Pages" })).toBeVisible();
});

test("every page is reached from the sidebar by keyboard, and axe finds nothing on it", async ({ page, open }) => {
  await open("settings");
  const links = page.getByRole("navigation", { name: "Pages" }).getByRole("link");
  const count = await links.count();
  for (let at = 0; at < count; at += 1) {
    const link = links.nth(at);
    await link.focus();
    await page.keyboard.press("Enter");
    await expect(link).toHaveAttribute("aria-current", "page");
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expectAccessible(page);
  }
});

test("an address of no page says so", async ({ page, shared }) => {
  await page.goto(`${shared}/playground/#/nothing`);
  await expect(page.getByText("There is no such page")).toBeVisible();
});

test("the page asks nobody but its server", async ({ page, shared, open }) => {
  const hosts = new Set<string>();
  page.on("request", (request) => {
    if (request.url().startsWith("http")) hosts.add(new URL(request.url()).origin);
  });
  await open("settings");
  await page.waitForLoadState("networkidle");
  expect([...hosts]).toEqual([shared]);
});

// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import Rendered from "./Rendered";

afterEach(cleanup);

test("tables, lists, code and headings are drawn as such", () => {
  render(<Rendered text={"# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- one\n- two\n\n```python\nx = 1\n```"} />);
  expect(screen.getByRole("heading", { level: 3 }).textContent).toBe("Title");
  expect(screen.getByRole("table").textContent).toBe("ab12");
  expect(screen.getAllByRole("listitem")).toHaveLength(2);
  expect(screen.getByLabelText("Code in python").textContent).toBe("x = 1");
});

test("HTML is shown as text", () => {
  const { container } = render(
    <Rendered text={'A <img src=x onerror="alert(1)"> <b>bold</b> <script>alert(2)</script>'} />,
  );
  expect(container.querySelector("img, b, script")).toBeNull();
  expect(container.textContent).toContain("<b>bold</b>");
});

test("links to scripts are not links", () => {
  const { container } = render(<Rendered text="[go](javascript:alert(1))" />);
  expect(container.querySelector("a")?.getAttribute("href") ?? "").not.toContain("javascript");
});

test("a picture of elsewhere is a link, so that nothing is fetched", () => {
  const { container } = render(<Rendered text="![A cat](https://example.org/cat.png)" />);
  expect(container.querySelector("img")).toBeNull();
  expect(screen.getByRole("link", { name: "A cat" }).getAttribute("href")).toBe("https://example.org/cat.png");
});

test("a word that is not closed yet is shown without its marks", () => {
  const { container, rerender } = render(<Rendered text="This is **bo" open />);
  expect(container.textContent).not.toContain("**");
  rerender(<Rendered text="This is **bold**" />);
  expect(container.querySelector("strong")?.textContent).toBe("bold");
});

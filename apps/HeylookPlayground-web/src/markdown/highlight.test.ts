// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { highlighted } from "./highlight";

test("the coloured pieces joined are the code", () => {
  const code = 'def f(x):\n    """<b> & more"""\n    return x < 3 && "a"\n';
  const spans = highlighted(code, "python");
  expect(spans?.map((span) => span.text).join("")).toBe(code);
  expect(spans?.some((span) => span.kind === "hljs-keyword" && span.text === "def")).toBe(true);
});

test("aliases are known, other names are not", () => {
  expect(highlighted("let a", "ts")).not.toBeNull();
  expect(highlighted("x", "klingon")).toBeNull();
});

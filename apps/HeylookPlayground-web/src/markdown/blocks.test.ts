import { expect, test } from "vitest";
import { blocks } from "./blocks";

test("paragraphs are blocks of their own", () => {
  expect(blocks("One\n\nTwo\nmore\n\nThree")).toEqual(["One\n\n", "Two\nmore\n\n", "Three"]);
});

test("a fence is not cut at its empty lines", () => {
  const text = "```python\na = 1\n\nb = 2\n```\n\nText";
  expect(blocks(text)).toEqual(["```python\na = 1\n\nb = 2\n```\n\n", "Text"]);
});

test("a fence that is still open holds the rest", () => {
  expect(blocks("Text\n\n```\na\n\nb\n\nc")).toEqual(["Text\n\n", "```\na\n\nb\n\nc"]);
});

test("a fence is closed by as many marks of its kind only", () => {
  const text = "````\n```\n\nx\n\n~~~\n\n````\n\nEnd";
  expect(blocks(text)).toEqual(["````\n```\n\nx\n\n~~~\n\n````\n\n", "End"]);
});

test("loose lists, quotes and indented lines stay together", () => {
  const text = "1. One\n\n2. Two\n\n   more\n\n> Quote\n\nEnd";
  expect(blocks(text)).toEqual(["1. One\n\n2. Two\n\n   more\n\n> Quote\n\n", "End"]);
});

test("whatever the text, the blocks joined are the text", () => {
  for (const text of ["", "\n", "\n\na", "a\n\n\n\nb\n", "```", "a\r\n\r\nb"]) expect(blocks(text).join("")).toBe(text);
});

test("blocks that are complete do not change when text is added", () => {
  const text = "One\n\n- a\n- b\n\nTwo\n\n```js\nx\n\ny\n```\n\nThree";
  for (let end = 1; end < text.length; end++) {
    const part = blocks(text.slice(0, end)).slice(0, -1);
    expect(blocks(text).slice(0, part.length), `after ${end} characters`).toEqual(part);
  }
});

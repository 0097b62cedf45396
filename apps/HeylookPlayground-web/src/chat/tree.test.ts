import { expect, test } from "vitest";
import { conversationOf, message } from "./testing";
import { below, branch, siblings, wayTo, withBranch, withoutMessage } from "./tree";

const ids = (list: { id: string }[]) => list.map((it) => it.id);

/** u1 -> a1 -> u2 -> a2, and beside: a1b, u2b -> a2b. */
const TREE = conversationOf(
  message("u1", null),
  message("a1", "u1"),
  message("u2", "a1"),
  message("a2", "u2"),
  message("a1b", "u1"),
  message("u2b", "a1"),
  message("a2b", "u2b"),
);

test("the branch is the way from the first message to the last that was written", () => {
  expect(ids(branch(TREE))).toEqual(["u1", "a1", "u2b", "a2b"]);
});

test("messages with the same parent are branches of each other, the oldest first", () => {
  expect(ids(siblings(TREE, TREE.messages["u2b"] ?? message("?", null)))).toEqual(["u2", "u2b"]);
  expect(ids(siblings(TREE, TREE.messages["a1"] ?? message("?", null)))).toEqual(["a1", "a1b"]);
});

test("a branch is shown down to where it was last written to", () => {
  expect(ids(branch(withBranch(TREE, "u2")))).toEqual(["u1", "a1", "u2", "a2"]);
  expect(ids(branch(withBranch(TREE, "a1b")))).toEqual(["u1", "a1b"]);
  expect(ids(branch(withBranch(TREE, "a1")))).toEqual(["u1", "a1", "u2b", "a2b"]);
});

test("a message is deleted with all that follows it, and its neighbour is shown", () => {
  const rest = withoutMessage(TREE, "u2b");
  expect(ids(branch(rest))).toEqual(["u1", "a1", "u2", "a2"]);
  expect(Object.keys(rest.messages)).not.toContain("a2b");
});

test("without a neighbour, what came before is shown", () => {
  const linear = conversationOf(message("u1", null), message("a1", "u1"), message("u2", "a1"));
  expect(ids(branch(withoutMessage(linear, "u2")))).toEqual(["u1", "a1"]);
  expect(branch(withoutMessage(linear, "u1"))).toEqual([]);
});

test("deleting another branch leaves the shown one", () => {
  expect(ids(branch(withoutMessage(TREE, "u2")))).toEqual(["u1", "a1", "u2b", "a2b"]);
});

test("below a message lie all its branches", () => {
  expect(new Set(ids(below(TREE, "a1")))).toEqual(new Set(["a1", "u2", "a2", "u2b", "a2b"]));
});

test("a chain that goes in a circle or is broken ends", () => {
  const circle = { ...TREE, messages: { x: message("x", "y"), y: message("y", "x") }, leaf: "x" };
  expect(ids(wayTo(circle, "x"))).toEqual(["y", "x"]);
  expect(wayTo(TREE, "none")).toEqual([]);
});

test("the first question gives the title", () => {
  expect(conversationOf(message("u1", null, { content: "  How  are\nyou?" })).title).toBe("How are");
  expect(conversationOf(message("u1", null, { content: "x".repeat(80) })).title).toHaveLength(60);
  expect(conversationOf(message("u1", null, { content: "first" }), message("u2", "u1")).title).toBe("first");
});

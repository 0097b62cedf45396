import { expect, test } from "vitest";
import { conversationOf, message } from "../testing";
import { branch, withChange, withMessage, withoutMessage } from "../tree";
import type { Conversation } from "../conversation";
import { merged } from "./merging";

const BASE = conversationOf(message("u1", null), message("a1", "u1"), message("u2", "a1"), message("a2", "u2"));

const ids = (conversation: Conversation) => Object.keys(conversation.messages).toSorted();
const shown = (conversation: Conversation) => branch(conversation).map((it) => it.id);

/** As the other tab has it: read from the storage, so that no object is the same. */
const elsewhere = (conversation: Conversation) => structuredClone(conversation);

test("turns of both are there, and each shows its own", () => {
  const mine = withMessage(BASE, message("u3", "a2"));
  const theirs = elsewhere(withMessage(BASE, message("u3b", "a2")));
  const both = merged(BASE, mine, theirs);
  expect(ids(both)).toEqual(["a1", "a2", "u1", "u2", "u3", "u3b"]);
  expect(shown(both)).toEqual(["u1", "a1", "u2", "a2", "u3"]);
  expect(ids(merged(BASE, elsewhere(theirs), mine))).toEqual(ids(both));
});

test("where nothing was done here, what the other did is shown", () => {
  const theirs = elsewhere({ ...withMessage(BASE, message("u3", "a2")), title: "Other", updatedAt: Date.now() + 1000 });
  expect(merged(BASE, BASE, theirs)).toEqual(theirs);
});

test("a branch that the other has begun elsewhere is not shown in place of this one", () => {
  const theirs = elsewhere(withMessage(BASE, message("u2b", "a1")));
  expect(shown(merged(BASE, BASE, theirs))).toEqual(["u1", "a1", "u2", "a2"]);
  const gone = elsewhere(withoutMessage(withMessage(BASE, message("u2b", "a1")), "u2"));
  expect(shown(merged(BASE, BASE, gone))).toEqual(["u1", "a1", "u2b"]);
});

test("what only the other changed is taken, what both changed is mine", () => {
  const mine = withChange({ ...BASE, title: "Mine" }, "a1", { content: "mine" });
  const changed = withChange(withChange(BASE, "a1", { content: "theirs" }), "a2", { content: "theirs" });
  const both = merged(BASE, mine, elsewhere({ ...changed, title: "Theirs", model: "other" }));
  expect(both).toMatchObject({ title: "Mine", model: "other" });
  expect([both.messages["a1"]?.content, both.messages["a2"]?.content]).toEqual(["mine", "theirs"]);
});

test("what the other deleted is gone, and what comes before it is shown", () => {
  const both = merged(BASE, { ...BASE, title: "Mine" }, elsewhere(withoutMessage(BASE, "u2")));
  expect(ids(both)).toEqual(["a1", "u1"]);
  expect(shown(both)).toEqual(["u1", "a1"]);
});

test("what was deleted here does not come back", () => {
  const theirs = elsewhere(withChange(BASE, "a2", { content: "longer" }));
  expect(ids(merged(BASE, withoutMessage(BASE, "u2"), theirs))).toEqual(["a1", "u1"]);
});

test("what was written below a deleted message keeps it", () => {
  const mine = withMessage(BASE, message("u3", "a2"));
  const theirs = elsewhere(withoutMessage(BASE, "u2"));
  expect(shown(merged(BASE, mine, theirs))).toEqual(["u1", "a1", "u2", "a2", "u3"]);
  expect(ids(merged(BASE, withoutMessage(BASE, "u2"), elsewhere(mine)))).toEqual(["a1", "a2", "u1", "u2", "u3"]);
});

test("without a common beginning everything of both stays", () => {
  const other = conversationOf(message("x1", null));
  expect(ids(merged(null, BASE, other))).toEqual(["a1", "a2", "u1", "u2", "x1"]);
});

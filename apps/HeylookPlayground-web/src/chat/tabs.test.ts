import "fake-indexeddb/auto";
import { openDB } from "idb";
import { beforeEach, expect, test, vi } from "vitest";
import { message } from "./testing";
import { withChange, withMessage, withoutMessage } from "./tree";
import type { Conversation } from "./conversation";
import type { Message } from "./message";
import type { Run } from "./runs";

type Tab = typeof import("./conversations");

/** The modules anew, as another tab has them; both share the storage and the channel. */
async function openTab(): Promise<Tab> {
  vi.resetModules();
  const tab = await import("./conversations");
  await tab.openStorage();
  return tab;
}

function conversation(tab: Tab, wanted: string): Conversation {
  const entry = tab.useConversations.getState().opened[wanted];
  if (!tab.isReadable(entry)) throw new Error(`${wanted} is not open: ${JSON.stringify(entry)}`);
  return entry;
}

const ids = (tab: Tab, wanted: string) => Object.keys(conversation(tab, wanted).messages).toSorted();
const titles = (tab: Tab) => tab.useConversations.getState().heads.map((head) => head.title);

function say(tab: Tab, where: string, what: Message): void {
  tab.changeConversation(where, (it) => withMessage(it, what));
}

let first: Tab;
let second: Tab;
/** A conversation with a question and an answer, open in both tabs. */
let id: string;

beforeEach(async () => {
  first = await openTab();
  await first.resetStorage();
  ({ id } = first.createConversation("demo"));
  say(first, id, message("u1", null, { content: "Hello" }));
  say(first, id, message("a1", "u1", { state: "complete", finish: "stop" }));
  await first.saveNow();
  second = await openTab();
  await second.openConversation(id);
});

test("what one tab writes is shown by the other", async () => {
  say(first, id, message("u2", "a1"));
  await first.saveNow();
  await vi.waitFor(() => expect(ids(second, id)).toEqual(["a1", "u1", "u2"]));
  expect(conversation(second, id)).toEqual(conversation(first, id));
});

test("turns that two tabs write at the same moment are both kept", async () => {
  say(first, id, message("u2", "a1"));
  say(second, id, message("u2b", "a1"));
  await Promise.all([first.saveNow(), second.saveNow()]);
  for (const tab of [first, second, await openTab()]) {
    await tab.openConversation(id);
    await vi.waitFor(() => expect(ids(tab, id)).toEqual(["a1", "u1", "u2", "u2b"]));
  }
  expect([conversation(first, id).leaf, conversation(second, id).leaf]).toEqual(["u2", "u2b"]);
});

test("an answer that grows in one tab loses nothing to what the other writes", async () => {
  say(first, id, message("u2", "a1"));
  say(first, id, message("a2", "u2", { content: "", state: "streaming" }));
  for (let words = 1; words <= 5; words += 1) {
    first.changeConversation(id, (it) => withChange(it, "a2", { content: "word ".repeat(words) }));
    say(second, id, message(`u3-${words}`, "a1"));
    await Promise.all([first.saveNow(), second.saveNow()]);
  }
  first.changeConversation(id, (it) => withChange(it, "a2", { state: "complete" }));
  await first.saveNow();
  await vi.waitFor(() => expect(conversation(second, id).messages["a2"]).toMatchObject({ state: "complete" }));
  const third = await openTab();
  await third.openConversation(id);
  expect(conversation(third, id).messages["a2"]).toMatchObject({ content: "word ".repeat(5), state: "complete" });
  expect(ids(third, id)).toHaveLength(9);
});

test("a message that was deleted in one tab does not come back by the other", async () => {
  first.changeConversation(id, (it) => withoutMessage(it, "a1"));
  await first.saveNow();
  second.changeConversation(id, (it) => ({ ...it, title: "Second" }));
  await second.saveNow();
  await vi.waitFor(() => expect(ids(first, id)).toEqual(["u1"]));
  expect(ids(second, id)).toEqual(["u1"]);
  await vi.waitFor(() => expect(titles(first)).toEqual(["Second"]));
});

test("a conversation that was deleted in one tab is gone in the other, and is not written again", async () => {
  second.changeConversation(id, (it) => ({ ...it, title: "Late" }));
  await first.removeConversation(id);
  await second.saveNow();
  await vi.waitFor(() =>
    expect(second.useConversations.getState().opened[id]).toEqual({
      unreadable: "missing",
      reason: "It was deleted in another tab.",
    }),
  );
  expect(titles(second)).toEqual([]);
  expect(titles(await openTab())).toEqual([]);
});

test("the lists of all tabs have new, renamed and deleted conversations", async () => {
  const other = second.createConversation("demo");
  say(second, other.id, message("u9", null, { content: "Other" }));
  await second.saveNow();
  await vi.waitFor(() => expect(titles(first).toSorted()).toEqual(["Hello", "Other"]));
  await first.renameConversation(other.id, "Renamed");
  await vi.waitFor(() => expect(titles(second)).toContain("Renamed"));
  await first.removeConversation(other.id);
  await vi.waitFor(() => expect(titles(second)).toEqual(["Hello"]));
});

test("an imported conversation replaces what another tab has open", async () => {
  await first.addConversations([{ ...conversation(first, id), title: "Imported", messages: {}, leaf: null }]);
  await vi.waitFor(() => expect(conversation(second, id)).toMatchObject({ title: "Imported", messages: {} }));
});

test("an answer that was deleted in one tab is stopped in the other, and no other one is", async () => {
  say(second, id, message("a2", "u1", { content: "", state: "streaming" }));
  await second.saveNow();
  await vi.waitFor(() => expect(ids(first, id)).toContain("a2"));
  const { useRuns } = await import("./runs"); // of the second tab
  const stopped: string[] = [];
  const run = (name: string) => ({ stop: () => stopped.push(name) }) as unknown as Run;
  useRuns.setState({ runs: { a1: run("a1"), a2: run("a2") } });
  first.changeConversation(id, (it) => withoutMessage(it, "a2"));
  await first.saveNow();
  await vi.waitFor(() => expect(ids(second, id)).toEqual(["a1", "u1"]));
  expect(stopped).toEqual(["a2"]);
});

test("the deletion of a conversation that an older version wrote is seen by the other tab", async () => {
  const database = await openDB("heylook-playground", 1);
  const { revision: _, ...head } = await database.get("heads", id);
  await database.put("heads", head, id);
  database.close();
  second = await openTab();
  await second.openConversation(id);
  await first.removeConversation(id);
  await vi.waitFor(() =>
    expect(second.useConversations.getState().opened[id]).toMatchObject({ unreadable: "missing" }),
  );
  expect(titles(second)).toEqual([]);
});

test("a browser that forbids tabs to talk leaves each alone", async () => {
  vi.stubGlobal("BroadcastChannel", function forbidden() {
    throw new DOMException("Storage is switched off.", "SecurityError");
  });
  const alone = await openTab();
  vi.unstubAllGlobals();
  await alone.openConversation(id);
  say(alone, id, message("u2", "a1"));
  await alone.saveNow();
  expect(ids(alone, id)).toEqual(["a1", "u1", "u2"]);
});

import "fake-indexeddb/auto";
import { deleteDB, openDB } from "idb";
import { beforeEach, expect, test, vi } from "vitest";
import {
  addConversations,
  allConversations,
  changeConversation,
  createConversation,
  openConversation,
  openStorage,
  removeConversation,
  renameConversation,
  resetStorage,
  saveNow,
  searchConversations,
  useConversations,
} from "./conversations";
import { conversationOf, message } from "./testing";
import { withMessage } from "./tree";

const state = () => useConversations.getState();

beforeEach(async () => {
  await resetStorage();
  return () => vi.restoreAllMocks();
});

/** The storage refuses all that is asked of it from now on; gives what ends that. */
function refusing(): () => void {
  const spy = vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(() => {
    throw new DOMException("The disk is full.", "QuotaExceededError");
  });
  return () => spy.mockRestore();
}

/** One with a question, written to the storage. */
async function kept(content: string): Promise<string> {
  const { id } = createConversation("demo");
  changeConversation(id, (it) => withMessage(it, message("u1", null, { content })));
  await saveNow();
  return id;
}

test("a conversation is there after the storage was opened anew", async () => {
  const id = await kept("What is heylook?");
  await openStorage();
  expect(state().heads).toMatchObject([{ id, title: "What is heylook?" }]);
  await openConversation(id);
  expect(state().opened[id]).toMatchObject({ id, leaf: "u1" });
});

test("one without messages is not kept", async () => {
  createConversation("demo");
  await saveNow();
  await openStorage();
  expect(state().heads).toEqual([]);
});

test("a new title is kept, an empty one is not taken", async () => {
  const id = await kept("First");
  await renameConversation(id, " Second ");
  await renameConversation(id, " ");
  await saveNow();
  await openStorage();
  expect(state().heads[0]?.title).toBe("Second");
});

test("a deleted conversation does not come back with a late save", async () => {
  const id = await kept("First");
  changeConversation(id, (it) => ({ ...it, title: "Late" }));
  await removeConversation(id);
  await saveNow();
  await openStorage();
  expect(state().heads).toEqual([]);
  await openConversation(id);
  expect(state().opened[id]).toMatchObject({ unreadable: "missing" });
});

test("words are found in titles and in messages of the shown branch", async () => {
  const first = await kept("About rivers");
  const second = await kept("About hills");
  changeConversation(second, (it) => withMessage(it, message("a1", "u1", { content: "The RIVER ends." })));
  expect(await searchConversations("river")).toEqual(new Set([first, second]));
  expect(await searchConversations("hills")).toEqual(new Set([second]));
});

test("imported conversations are kept and replace those with the same id", async () => {
  const conversation = conversationOf(message("u1", null));
  await addConversations([conversation]);
  await addConversations([{ ...conversation, title: "Again" }]);
  await openStorage();
  expect((await allConversations()).map((it) => it.title)).toEqual(["Again"]);
});

test("a damaged record is told, and the others are read", async () => {
  const good = await kept("Good");
  const database = await openDB("heylook-playground", 1);
  await database.put("conversations", { id: "bad", messages: 5 }, "bad");
  database.close();
  await openStorage();
  expect(state().heads).toMatchObject([{ id: good }, { id: "bad", damaged: true }]);
  await openConversation("bad");
  expect(state().opened["bad"]).toMatchObject({ unreadable: "damaged", reason: "messages is not an object." });
  expect(await allConversations()).toHaveLength(1);
});

test("without a storage conversations live in memory, and the state says why", async () => {
  vi.spyOn(indexedDB, "open").mockImplementation(() => {
    throw new DOMException("Storage is switched off.", "SecurityError");
  });
  await openStorage();
  expect(state().storage).toEqual({ kind: "memory", reason: "Storage is switched off." });
  const { id } = createConversation("demo");
  changeConversation(id, (it) => withMessage(it, message("u1", null)));
  await saveNow();
  expect(state().heads).toMatchObject([{ id }]);
});

test("what could not be saved is told, and saved with the next change of another conversation", async () => {
  const first = await kept("First");
  const second = await kept("Second");
  const allow = refusing();
  changeConversation(first, (it) => ({ ...it, title: "Renamed" }));
  await saveNow();
  expect(state().saveError).toBe("The disk is full.");
  allow();
  changeConversation(second, (it) => ({ ...it, title: "Renamed too" }));
  await saveNow();
  expect(state().saveError).toBe(null);
  await openStorage();
  expect(
    state()
      .heads.map((head) => head.title)
      .toSorted(),
  ).toEqual(["Renamed", "Renamed too"]);
});

test("a conversation that cannot be read now is not called damaged, and is read later", async () => {
  const id = await kept("First");
  await openStorage();
  const allow = refusing();
  await openConversation(id);
  expect(state().opened[id]).toEqual({ unreadable: "closed", reason: "The disk is full." });
  allow();
  await openConversation(id);
  expect(state().opened[id]).toMatchObject({ id, title: "First" });
});

test("a storage that was closed by another tab is opened again", async () => {
  await deleteDB("heylook-playground");
  const id = await kept("First");
  expect(state().saveError).toBe(null);
  await openStorage();
  expect(state().heads).toMatchObject([{ id }]);
});

test("a conversation that could not be deleted stays in the list, and the reason is told", async () => {
  const id = await kept("First");
  const allow = refusing();
  await removeConversation(id);
  expect(state()).toMatchObject({ heads: [{ id }], saveError: "The disk is full." });
  allow();
  await removeConversation(id);
  expect(state().heads).toEqual([]);
});

test("a deleted conversation is not listed by what was imported just before", async () => {
  const conversation = conversationOf(message("u1", null));
  const adding = addConversations([conversation]);
  await Promise.all([adding, removeConversation(conversation.id)]);
  expect(state().heads).toEqual([]);
});

import { expect, test } from "vitest";
import { conversationOf, message } from "../testing";
import { exported, imported } from "./exchange";
import { DamagedRecord, readConversation, readSettings } from "./reading";

const CONVERSATION = conversationOf(
  message("u1", null, { pictures: [{ name: "a.png", url: "data:image/png;base64,AAAA" }] }),
  message("a1", "u1", { state: "complete", finish: "stop", model: "demo", reasoning: "Hm." }),
);

test("a conversation survives export and import", () => {
  expect(imported(exported([CONVERSATION]))).toEqual([CONVERSATION]);
});

test("an answer that was under way has been stopped", () => {
  const broken = conversationOf(message("u1", null), message("a1", "u1", { state: "streaming" }));
  expect(readConversation(broken).messages["a1"]?.state).toBe("stopped");
});

test.each([
  ["no object", 5, "The conversation is not an object."],
  ["no messages", { ...CONVERSATION, messages: [] }, "messages is not an object."],
  [
    "an unknown role",
    { ...CONVERSATION, messages: { x: { ...message("u", null), role: "bot" } } },
    "messages.x.role is",
  ],
  ["no content", { ...CONVERSATION, messages: { x: { ...message("u", null), content: 1 } } }, "messages.x.content is"],
  ["a leaf that is not there", { ...CONVERSATION, leaf: "gone" }, "leaf is not the id of a message."],
  ["a picture of elsewhere", withPicture("https://example.org/a.png"), "messages.u1.pictures[0].url is not a data URL"],
])("a record with %s is damaged", (_, record, told) => {
  expect(() => readConversation(record)).toThrow(DamagedRecord);
  expect(() => readConversation(record)).toThrow(told);
});

function withPicture(url: string) {
  const picture = { name: "a", url };
  return { ...CONVERSATION, messages: { ...CONVERSATION.messages, u1: message("u1", null, { pictures: [picture] }) } };
}

test("settings of another type are left to the model", () => {
  const settings = readSettings({
    system: 5,
    thinking: "maybe",
    sampling: { temperature: "hot", top_p: 0.5, stop: [1, "a"] },
  });
  expect(settings).toMatchObject({
    system: "",
    thinking: "default",
    sampling: { temperature: null, top_p: 0.5, stop: ["a"] },
  });
});

test("a file of another kind is refused with a reason", () => {
  expect(() => imported("{")).toThrow("not JSON");
  expect(() => imported("[]")).toThrow("not exported by the playground");
  expect(() => imported('{"format": "heylook-conversations", "version": 9}')).toThrow("has version 9, known is 1");
  const bad = '{"format": "heylook-conversations", "version": 1, "conversations": [{}]}';
  expect(() => imported(bad)).toThrow("Conversation 1: messages is not an object.");
});

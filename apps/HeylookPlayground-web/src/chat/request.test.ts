import { expect, test } from "vitest";
import { noSettings, noSampling } from "./chatSettings";
import { chatRequest } from "./request";
import { message } from "./testing";

const URL = "data:image/png;base64,AAAA";

test("nothing that was left to the model is sent", () => {
  expect(
    chatRequest({ model: "demo", settings: noSettings(), messages: [message("u1", null, { content: "Hi" })] }),
  ).toEqual({
    model: "demo",
    messages: [{ role: "user", content: "Hi" }],
    stream: true,
    stream_options: { include_usage: true },
    include_performance: true,
  });
});

test("system prompt, sampling and thinking are sent as the server names them", () => {
  const sampling = { ...noSampling(), temperature: 0, top_k: 5, stop: ["\n"] };
  const settings = { ...noSettings(), system: "Be brief.", thinking: "off" as const, sampling };
  expect(chatRequest({ model: "demo", settings, messages: [] })).toMatchObject({
    messages: [{ role: "system", content: "Be brief." }],
    temperature: 0,
    top_k: 5,
    stop: ["\n"],
    chat_template_kwargs: { enable_thinking: false },
  });
});

test("images go before the text of their question", () => {
  const question = message("u1", null, { content: "What is it?", pictures: [{ name: "a.png", url: URL }] });
  expect(chatRequest({ model: "demo", settings: noSettings(), messages: [question] }).messages).toEqual([
    {
      role: "user",
      content: [
        { type: "image_url", image_url: { url: URL } },
        { type: "text", text: "What is it?" },
      ],
    },
  ]);
});

test("calls and their results go back in pairs", () => {
  const call = { id: "call_1", name: "weather", arguments: "{}" };
  const messages = [
    message("a1", null, { content: "", toolCalls: [call] }),
    message("t1", "a1", { toolCallId: "call_1", content: "Rain" }),
  ];
  expect(chatRequest({ model: "demo", settings: noSettings(), messages }).messages).toEqual([
    {
      role: "assistant",
      content: "",
      tool_calls: [{ id: "call_1", type: "function", function: { name: "weather", arguments: "{}" } }],
    },
    { role: "tool", content: "Rain", tool_call_id: "call_1" },
  ]);
});

test("an answer goes on from its last message", () => {
  const request = chatRequest({
    model: "demo",
    settings: noSettings(),
    messages: [message("a1", null)],
    continues: true,
  });
  expect(request.continue_final_message).toBe(true);
});

test("JSON that cannot be read is refused before it is sent, naming the field", () => {
  const settings = { ...noSettings(), tools: "[{" };
  expect(() => chatRequest({ model: "demo", settings, messages: [] })).toThrow(/^The list of tools is not valid JSON/);
  const schema = { ...noSettings(), format: "schema" as const, schema: "3" };
  expect(() => chatRequest({ model: "demo", settings: schema, messages: [] })).toThrow("not an object");
});

import { expect, test } from "vitest";
import { DIALECTS, type Chat } from "./dialects";
import { pythonLiteral, SNIPPETS } from "./snippets";
import { noSampling, noSettings } from "@/chat/chatSettings";
import { message } from "@/chat/testing";

const PICTURE = { name: "a.png", url: "data:image/png;base64,AAAA" };
const CHAT: Chat = {
  model: "demo",
  settings: {
    ...noSettings(),
    system: "Be brief.",
    thinking: "on",
    sampling: { ...noSampling(), max_tokens: 5, repetition_penalty: 1.1, stop: ["\n"] },
  },
  messages: [message("u1", null, { content: "Look", pictures: [PICTURE] })],
};

function bodyOf(name: string, chat: Chat): Record<string, unknown> {
  const dialect = DIALECTS.find((it) => it.name === name);
  if (!dialect) throw new Error(name);
  return dialect.request(chat).body;
}

test("Ollama gets images as base64, its own names of options, and think", () => {
  expect(bodyOf("ollama", CHAT)).toEqual({
    model: "demo",
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Look", images: ["AAAA"] },
    ],
    stream: true,
    options: { num_predict: 5, repeat_penalty: 1.1, stop: ["\n"] },
    think: true,
  });
});

test("Anthropic gets the system prompt beside the messages and always a token limit", () => {
  expect(bodyOf("anthropic", CHAT)).toMatchObject({
    max_tokens: 5,
    system: "Be brief.",
    stop_sequences: ["\n"],
    messages: [
      {
        role: "user",
        content: [
          { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } },
          { type: "text", text: "Look" },
        ],
      },
    ],
  });
  expect(bodyOf("anthropic", { ...CHAT, settings: noSettings() })).toMatchObject({ max_tokens: 1024 });
});

test("calls of tools and their results are in each dialect's form", () => {
  const messages = [
    message("a1", null, { content: "", toolCalls: [{ id: "c1", name: "weather", arguments: '{"city": "Ulm"}' }] }),
    message("t1", "a1", { content: "Rain", toolCallId: "c1" }),
  ];
  const chat = { model: "demo", settings: noSettings(), messages };
  expect(bodyOf("ollama", chat)["messages"]).toEqual([
    { role: "assistant", content: "", tool_calls: [{ function: { name: "weather", arguments: { city: "Ulm" } } }] },
    { role: "tool", content: "Rain" },
  ]);
  expect(bodyOf("anthropic", chat)["messages"]).toEqual([
    { role: "assistant", content: [{ type: "tool_use", id: "c1", name: "weather", input: { city: "Ulm" } }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "c1", content: "Rain" }] },
  ]);
});

test("JSON is written as Python has it", () => {
  expect(pythonLiteral({ a: [true, null, 1.5], b: {}, c: 'x"y\n', d: undefined })).toBe(
    '{\n    "a": [\n        True,\n        None,\n        1.5,\n    ],\n    "b": {},\n    "c": "x\\"y\\n",\n}',
  );
});

test("a key is read from the environment and not written out", () => {
  for (const snippet of SNIPPETS) {
    const code = snippet.code("http://127.0.0.1/v1", { path: "/v1", body: {} }, "sk-secret");
    expect(code).toContain("HEYLOOK_API_KEY");
    expect(code).not.toContain("sk-secret");
  }
});

test("a quote in the text does not end the shell's", () => {
  const curl = SNIPPETS.find((it) => it.name === "curl");
  expect(curl?.code("http://127.0.0.1/v1", { path: "/v1", body: { a: "it's" } }, "")).toContain(String.raw`it'\''s`);
});

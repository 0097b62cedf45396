import { expect, test } from "vitest";
import { Answer } from "./answer";
import { ServerError } from "@/client/errors";
import { failureOf } from "./answer";
import type { ChatChunk } from "@/client/types";

type Delta = ChatChunk["choices"][number]["delta"];

function chunk(
  delta: Delta,
  finish: string | null = null,
  rest: Partial<ChatChunk> = {},
): { kind: "chunk"; chunk: ChatChunk } {
  const choice = { index: 0, delta, finish_reason: finish, logprobs: null } as ChatChunk["choices"][number];
  return {
    kind: "chunk",
    chunk: { id: "c", object: "chat.completion.chunk", created: 0, model: "demo", choices: [choice], ...rest },
  };
}

function clock(...times: number[]): () => number {
  let last = times[0] ?? 0;
  return () => {
    last = times.shift() ?? last;
    return last;
  };
}

test("text, thoughts and calls are put together from their pieces", () => {
  const answer = new Answer();
  answer.take(chunk({ role: "assistant", content: "" }));
  answer.take(chunk({ reasoning_content: "Let me " }));
  answer.take(chunk({ reasoning_content: "see." }));
  expect(answer.phase.kind).toBe("thinking");
  answer.take(chunk({ content: "It " }));
  answer.take(chunk({ content: "is." }));
  answer.take(
    chunk({
      tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "weather", arguments: '{"ci' } }],
    }),
  );
  answer.take(chunk({ tool_calls: [{ index: 0, function: { arguments: 'ty": "Ulm"}' } }] }));
  answer.take(chunk({}, "tool_calls"));
  expect(answer.end("complete")).toMatchObject({
    content: "It is.",
    reasoning: "Let me see.",
    toolCalls: [{ id: "call_1", name: "weather", arguments: '{"city": "Ulm"}' }],
    finish: "tool_calls",
    state: "complete",
  });
});

test("keepalives tell what is waited for until the first piece has come", () => {
  const answer = new Answer();
  expect(answer.phase.kind).toBe("asking");
  answer.take({ kind: "accepted" });
  expect(answer.phase.kind).toBe("waiting");
  answer.take({ kind: "reading", done: 512, total: 2048 });
  expect(answer.phase).toEqual({ kind: "reading", done: 512, total: 2048 });
  answer.take(chunk({ content: "a" }));
  answer.take({ kind: "waiting" });
  expect(answer.phase.kind).toBe("answering");
});

test("an answer that goes on keeps what it had", () => {
  const answer = new Answer({ content: "One ", reasoning: "Hm." });
  answer.take(chunk({ content: "two" }));
  expect(answer.end("complete")).toMatchObject({ content: "One two", reasoning: "Hm." });
});

test("metrics are the time to the first piece, the server's rate and its counts", () => {
  const answer = new Answer({}, clock(1000, 1250, 3250));
  answer.take(chunk({ role: "assistant", content: "" }));
  answer.take(chunk({ content: "a" }));
  answer.take({
    kind: "chunk",
    chunk: {
      ...chunk({}).chunk,
      choices: [],
      usage: {
        prompt_tokens: 20,
        completion_tokens: 41,
        total_tokens: 61,
        prompt_tokens_details: { cached_tokens: 15 },
        completion_tokens_details: { reasoning_tokens: 3 },
      },
    },
  });
  expect(answer.end("complete").metrics).toEqual({
    firstToken: 0.25,
    total: 2.25,
    queue: null,
    tokensPerSecond: 20,
    promptPerSecond: null,
    promptTokens: 20,
    cachedTokens: 15,
    answerTokens: 41,
    reasoningTokens: 3,
  });
});

test("an answer that ends before its first piece has no rate and no first token", () => {
  const { metrics } = new Answer({}, clock(0, 500)).end("stopped");
  expect(metrics).toMatchObject({ firstToken: null, tokensPerSecond: null, total: 0.5 });
});

test("a failure keeps the server's words", () => {
  const end = new Answer().end("failed", failureOf(new ServerError("busy", "The queue is full.")));
  expect(end.failure).toEqual({ kind: "busy", message: "The queue is full." });
});

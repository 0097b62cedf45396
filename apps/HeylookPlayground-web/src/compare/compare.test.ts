import { expect, test } from "vitest";
import { bestOf } from "./best";
import { history, type Round } from "./store";
import { metricsOf } from "@/chat/metrics";
import type { Message } from "@/chat/message";

function answer(content: string, firstAt: number, endAt: number): Message {
  const usage = {
    prompt_tokens: 1,
    completion_tokens: 11,
    total_tokens: 12,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
  const metrics = metricsOf({ sentAt: 0, firstAt, endAt }, usage, null);
  return { id: content, parent: null, role: "assistant", content, createdAt: 0, state: "complete", metrics };
}

function round(id: string, answers: Record<string, Message>): Round {
  return { id, question: `question ${id}`, pictures: [], answers };
}

test("each column goes on from its own answers", () => {
  const rounds = [round("1", { a: answer("A1", 1, 2), b: answer("B1", 1, 2) }), round("2", { a: answer("A2", 1, 2) })];
  expect(history(rounds, "a").map((it) => it.content)).toEqual(["question 1", "A1", "question 2", "A2"]);
});

test("a round that a column did not answer is left out of its history", () => {
  const rounds = [round("1", { a: answer("A1", 1, 2), b: { ...answer("", 1, 2), state: "failed" } })];
  expect(history(rounds, "b")).toEqual([]);
});

test("the earliest first token and the highest speed may be of two columns", () => {
  expect(bestOf({ a: answer("A", 100, 2100), b: answer("B", 200, 1200) })).toEqual({ firstToken: "a", speed: "b" });
});

test("nothing is best alone, or among equals", () => {
  expect(bestOf({ a: answer("A", 100, 200) })).toEqual({ firstToken: null, speed: null });
  expect(bestOf({ a: answer("A", 100, 200), b: answer("B", 100, 200) })).toEqual({ firstToken: null, speed: null });
});

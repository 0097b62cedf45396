import { expect, test } from "vitest";
import { appended, type Sample } from "./live";
import { reasonsOf } from "./reuse";
import { slotColumns } from "./slots";
import type { RequestRecord } from "@/admin/types";

const sample = (at: number, tokens: number): Sample => ({ at, tokens, running: 0, waiting: 0, memoryGb: 0 });

const record = (reuse: string, prompt: number, cached: number) =>
  ({ reuse, prompt_tokens: prompt, cached_tokens: cached }) as RequestRecord;

test("samples are kept in order, and begin anew with a new server", () => {
  const first = appended(appended([], sample(1, 10)), sample(2, 20));
  expect(first.map((one) => one.tokens)).toEqual([10, 20]);
  expect(appended(first, sample(2.1, 21))).toBe(first);
  expect(appended(first, sample(3, 0))).toEqual([sample(3, 0)]);
});

test("no more than five minutes are kept", () => {
  let samples: Sample[] = [];
  for (let at = 0; at < 400; at += 1) samples = appended(samples, sample(at, at));
  expect([samples.length, samples[0]?.at]).toEqual([300, 100]);
});

test("slots in which nothing happened are gaps", () => {
  expect(slotColumns([60, 120, 600], [[1, 2, 3]], 60)).toEqual([
    [60, 120, 180, 600],
    [1, 2, null, 3],
  ]);
});

test("misses are told by their reasons, the most frequent first", () => {
  const records = [record("first", 10, 0), record("system", 20, 15), record("first", 30, 0), record("", 5, 0)];
  expect(reasonsOf(records)).toEqual([
    { why: "first", requests: 2, promptTokens: 40, cachedTokens: 0 },
    { why: "system", requests: 1, promptTokens: 20, cachedTokens: 15 },
  ]);
});

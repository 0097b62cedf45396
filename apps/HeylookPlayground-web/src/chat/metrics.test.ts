import { expect, test } from "vitest";
import { duration, metricsOf, rate } from "./metrics";

test("the server's own rates and queue are taken where it tells them", () => {
  const told = {
    prompt_tps: 900,
    generation_tps: 55.5,
    queue_seconds: 0.1,
    prefill_seconds: 0,
    decode_seconds: 0,
    first_token_seconds: 0,
  };
  const metrics = metricsOf({ sentAt: 0, firstAt: 100, endAt: 200 }, null, told);
  expect(metrics).toMatchObject({ tokensPerSecond: 55.5, promptPerSecond: 900, queue: 0.1, firstToken: 0.1 });
});

test("one token has no rate", () => {
  const usage = {
    prompt_tokens: 1,
    completion_tokens: 1,
    total_tokens: 2,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
  expect(metricsOf({ sentAt: 0, firstAt: 100, endAt: 200 }, usage, null).tokensPerSecond).toBeNull();
});

test("durations and rates are as short as they can be", () => {
  expect([0.0421, 0.9999, 1.25, 9.96, 12.4].map(duration)).toEqual(["42 ms", "1000 ms", "1.3 s", "10.0 s", "12 s"]);
  expect([7.25, 99.94, 250.4].map(rate)).toEqual(["7.3", "99.9", "250"]);
  expect([duration(null), rate(null)]).toEqual([null, null]);
});

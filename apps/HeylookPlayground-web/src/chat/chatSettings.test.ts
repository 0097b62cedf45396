import { expect, test } from "vitest";
import { defaultsOf } from "./chatSettings";

test("a model's own defaults are read from its card", () => {
  const parameters = 'num_ctx                        2048\ntemperature  0.7\nrepeat_penalty 1.1\nstop "<|end|>"\ntop_k';
  expect(defaultsOf(parameters)).toEqual({ temperature: 0.7, repetition_penalty: 1.1 });
});

test("a card without parameters has no defaults", () => {
  expect(defaultsOf("")).toEqual({});
});

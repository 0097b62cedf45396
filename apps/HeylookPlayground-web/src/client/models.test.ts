import { expect, test } from "vitest";
import { can, merged } from "./models";
import type { Model, OllamaModelList } from "./types";

const MODEL: Model = {
  id: "demo",
  object: "model",
  created: 0,
  owned_by: "heylook",
  provider: "mlx",
  description: null,
  capabilities: null,
  context_length: null,
  loaded: false,
};

const TAG: OllamaModelList["models"][number] = {
  name: "demo:latest",
  model: "demo:latest",
  modified_at: "",
  size: 42,
  digest: "",
  capabilities: ["completion", "thinking", "vision"],
  details: {
    parent_model: "",
    format: "",
    family: "",
    families: [],
    parameter_size: "",
    quantization_level: "",
    context_length: 2048,
    embedding_length: 0,
  },
};

test("what the other dialect expects of a model fills what is not known before it is loaded", () => {
  const [model] = merged([MODEL], [TAG]);
  expect(model).toMatchObject({ capabilities: ["chat", "reasoning", "vision"], context_length: 2048, sizeBytes: 42 });
});

test("what a loaded model tells wins", () => {
  const [model] = merged([{ ...MODEL, capabilities: ["chat"], context_length: 8 }], [TAG]);
  expect(model).toMatchObject({ capabilities: ["chat"], context_length: 8 });
});

test("without the other dialect nothing is claimed", () => {
  const [model] = merged([MODEL], []);
  expect(can(model, "vision")).toBeNull();
});

test("what nobody tells of a model is not known before it is loaded", () => {
  const [waiting] = merged([MODEL], [TAG]);
  expect([can(waiting, "vision"), can(waiting, "tools"), can(waiting, "embed")]).toEqual([true, null, null]);
  const [loaded] = merged([{ ...MODEL, capabilities: ["chat"] }], [TAG]);
  expect(can(loaded, "embed")).toBe(false);
});

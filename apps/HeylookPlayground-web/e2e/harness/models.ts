import { TUNES_FOLDER } from "./prepared";
import { CHECKOUT } from "./python";

export interface ModelEntry {
  id: string;
  provider: string;
  config?: Record<string, unknown>;
  description?: string;
  placement?: "thread" | "process";
  pin?: boolean;
  enabled?: boolean;
}

/** The demo model: learned answers, greedy, on MLX, or as GGUF where only that is there. The plugin brings it. */
export const DEMO = "heylook-demo";

/** Answers at once what it is told to; embeds, calls tools. See heylook_core/testkit/scripted.py. */
export const SCRIPTED: ModelEntry = { id: "scripted", provider: "scripted", description: "Does what it is told." };

/** As scripted, with a pause before each word. */
export const SLOW: ModelEntry = {
  id: "slow",
  provider: "scripted",
  config: { delay: 0.08 },
  description: "Does what it is told, word by word.",
};

/** A tiny model that tells the colour of a square. */
export const SQUARES: ModelEntry = {
  id: "squares",
  provider: "mlx",
  config: { model_path: `${CHECKOUT}/tests/mlx_vision/squares` },
  description: "Tells the colours of squares.",
};

/** A speech model in Parakeet's form that understands tunes, through onnxruntime. */
export const TUNES: ModelEntry = {
  id: "tunes",
  provider: "onnx_stt",
  config: { model_path: TUNES_FOLDER, precision: "float" },
  description: "Understands tunes.",
};

/** A model whose files are not there. */
export const BROKEN: ModelEntry = {
  id: "broken",
  provider: "mlx",
  config: { model_path: "/nowhere/broken" },
  description: "Cannot be loaded.",
};

/** What is sent with each request of a conversation. Null leaves it to the model. */
export interface Sampling {
  temperature: number | null;
  top_p: number | null;
  top_k: number | null;
  min_p: number | null;
  repetition_penalty: number | null;
  presence_penalty: number | null;
  frequency_penalty: number | null;
  max_tokens: number | null;
  seed: number | null;
  stop: string[];
}

export type Thinking = "default" | "on" | "off";
export type AnswerFormat = "text" | "json" | "schema";

export interface ChatSettings {
  system: string;
  sampling: Sampling;
  thinking: Thinking;
  format: AnswerFormat;
  /** A JSON schema, for the format `schema`. */
  schema: string;
  /** A JSON list of tools as OpenAI has them; empty for none. */
  tools: string;
}

export function noSampling(): Sampling {
  return {
    temperature: null,
    top_p: null,
    top_k: null,
    min_p: null,
    repetition_penalty: null,
    presence_penalty: null,
    frequency_penalty: null,
    max_tokens: null,
    seed: null,
    stop: [],
  };
}

export function noSettings(): ChatSettings {
  return { system: "", sampling: noSampling(), thinking: "default", format: "text", schema: "", tools: "" };
}

export type NumberKey = Exclude<keyof Sampling, "stop">;

export interface NumberRange {
  key: NumberKey;
  label: string;
  min: number;
  max: number;
  step: number;
  hint?: string;
}

/** The fields of the sampling panel. The ranges are those that the server accepts. */
export const NUMBERS: readonly NumberRange[] = [
  { key: "temperature", label: "Temperature", min: 0, max: 2, step: 0.05 },
  { key: "top_p", label: "Top p", min: 0, max: 1, step: 0.01 },
  { key: "top_k", label: "Top k", min: 0, max: 1000, step: 1, hint: "0 is off" },
  { key: "min_p", label: "Min p", min: 0, max: 1, step: 0.01 },
  { key: "repetition_penalty", label: "Repetition penalty", min: 0.5, max: 2, step: 0.05 },
  { key: "presence_penalty", label: "Presence penalty", min: -2, max: 2, step: 0.1 },
  { key: "frequency_penalty", label: "Frequency penalty", min: -2, max: 2, step: 0.1 },
  { key: "max_tokens", label: "Most tokens", min: 1, max: 1_000_000, step: 1 },
  { key: "seed", label: "Seed", min: 0, max: Number.MAX_SAFE_INTEGER, step: 1 },
];

/** The names of llama.cpp and Ollama in a model's card, and ours. */
const CARD_NAMES: Record<string, NumberKey> = {
  temperature: "temperature",
  top_p: "top_p",
  top_k: "top_k",
  min_p: "min_p",
  repeat_penalty: "repetition_penalty",
  presence_penalty: "presence_penalty",
  frequency_penalty: "frequency_penalty",
  num_predict: "max_tokens",
  seed: "seed",
};

/** A model's own defaults, from the lines `name value` of its card. */
export function defaultsOf(parameters: string): Partial<Record<NumberKey, number>> {
  const found: Partial<Record<NumberKey, number>> = {};
  for (const line of parameters.split("\n")) {
    const [name, value] = line.trim().split(/\s+/, 2);
    const key = name ? CARD_NAMES[name] : undefined;
    const number = Number(value);
    if (key && value && Number.isFinite(number)) found[key] = number;
  }
  return found;
}

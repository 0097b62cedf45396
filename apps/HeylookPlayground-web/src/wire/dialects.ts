import type { ChatSettings } from "@/chat/chatSettings";
import type { Message } from "@/chat/message";
import { chatRequest } from "@/chat/request";
import type { ChatRequest } from "@/client/types";

/** A request as it goes over the wire. */
export interface WireRequest {
  path: string;
  body: Record<string, unknown>;
}

export interface Chat {
  model: string;
  settings: ChatSettings;
  messages: Message[];
}

export interface WireDialect {
  name: string;
  title: string;
  /** Where it is asked; it is offered if the server describes it. */
  path: string;
  request: (chat: Chat) => WireRequest;
}

export const DIALECTS: readonly WireDialect[] = [
  { name: "openai", title: "OpenAI", path: "/v1/chat/completions", request: openai },
  { name: "ollama", title: "Ollama", path: "/api/chat", request: ollama },
  { name: "anthropic", title: "Anthropic", path: "/v1/messages", request: anthropic },
];

function openai(chat: Chat): WireRequest {
  const { include_performance: _, ...body } = chatRequest(chat);
  return { path: "/v1/chat/completions", body };
}

/** What a data URL holds: its media type and its base64. */
function parts(url: string): { type: string; data: string } {
  const [head = "", data = ""] = url.split(",", 2);
  return { type: /^data:([^;]+)/.exec(head)?.[1] ?? "image/png", data };
}

const OPTIONS = {
  temperature: "temperature",
  top_p: "top_p",
  top_k: "top_k",
  min_p: "min_p",
  repetition_penalty: "repeat_penalty",
  presence_penalty: "presence_penalty",
  frequency_penalty: "frequency_penalty",
  max_tokens: "num_predict",
  seed: "seed",
  stop: "stop",
} as const;

/** https://github.com/ollama/ollama/blob/main/docs/api.md: images as base64, arguments of calls as objects. */
function ollama(chat: Chat): WireRequest {
  const known: ChatRequest = chatRequest(chat);
  const options = Object.fromEntries(
    Object.entries(OPTIONS).flatMap(([ours, theirs]) => {
      const value = known[ours as keyof typeof OPTIONS];
      return value === undefined || value === null ? [] : [[theirs, value]];
    }),
  );
  const { settings } = chat;
  return {
    path: "/api/chat",
    body: {
      model: chat.model,
      messages: [...systemOf(settings), ...chat.messages.map(ollamaMessage)],
      stream: true,
      ...(Object.keys(options).length ? { options } : {}),
      ...(settings.thinking === "default" ? {} : { think: settings.thinking === "on" }),
      ...(settings.format === "json" ? { format: "json" } : {}),
      ...(settings.format === "schema" ? { format: JSON.parse(settings.schema) as unknown } : {}),
      ...(known.tools ? { tools: known.tools } : {}),
    },
  };
}

function systemOf({ system }: ChatSettings) {
  return system.trim() ? [{ role: "system", content: system }] : [];
}

function ollamaMessage(message: Message): Record<string, unknown> {
  const calls = message.toolCalls?.map((call) => ({
    function: { name: call.name, arguments: argumentsOf(call.arguments) },
  }));
  return {
    role: message.role,
    content: message.content,
    ...(message.pictures?.length ? { images: message.pictures.map((it) => parts(it.url).data) } : {}),
    ...(calls?.length ? { tool_calls: calls } : {}),
  };
}

function argumentsOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

const ANTHROPIC_MAX_TOKENS = 1024;
const ANTHROPIC_THINKING = 1024;

/** https://docs.anthropic.com/en/api/messages: `max_tokens` is needed, the system prompt is a field of its own. */
function anthropic({ model, settings, messages }: Chat): WireRequest {
  const { sampling, system, thinking } = settings;
  const { temperature, top_p, top_k, max_tokens, stop } = sampling;
  const numbers = Object.entries({ temperature, top_p, top_k }).filter(([, value]) => value !== null);
  return {
    path: "/v1/messages",
    body: {
      model,
      max_tokens: max_tokens ?? ANTHROPIC_MAX_TOKENS,
      ...(system.trim() ? { system } : {}),
      messages: messages.map(anthropicMessage),
      stream: true,
      ...Object.fromEntries(numbers),
      ...(stop.length ? { stop_sequences: stop } : {}),
      ...(thinking === "on" ? { thinking: { type: "enabled", budget_tokens: ANTHROPIC_THINKING } } : {}),
    },
  };
}

function anthropicMessage(message: Message): Record<string, unknown> {
  if (message.role === "tool") {
    const result = { type: "tool_result", tool_use_id: message.toolCallId, content: message.content };
    return { role: "user", content: [result] };
  }
  const images = (message.pictures ?? []).map((picture) => {
    const { type, data } = parts(picture.url);
    return { type: "image", source: { type: "base64", media_type: type, data } };
  });
  const calls = (message.toolCalls ?? []).map((call) => ({
    type: "tool_use",
    id: call.id,
    name: call.name,
    input: argumentsOf(call.arguments),
  }));
  if (!images.length && !calls.length) return { role: message.role, content: message.content };
  const text = message.content ? [{ type: "text", text: message.content }] : [];
  return { role: message.role, content: [...images, ...text, ...calls] };
}

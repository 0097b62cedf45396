import type { ChatSettings } from "./chatSettings";
import type { Message } from "./message";
import { ServerError } from "@/client/errors";
import type { ChatRequest } from "@/client/types";

type WireMessage = ChatRequest["messages"][number];

interface Wanted {
  model: string;
  settings: ChatSettings;
  messages: Message[];
  /** Go on with the last message, which is an assistant's. */
  continues?: boolean;
}

/** The body of POST /v1/chat/completions. Raises a ServerError for JSON that the user has to mend. */
export function chatRequest({ model, settings, messages, continues }: Wanted): ChatRequest {
  const system: WireMessage[] = settings.system.trim() ? [{ role: "system", content: settings.system }] : [];
  return {
    model,
    messages: [...system, ...messages.map(wireMessage)],
    stream: true,
    stream_options: { include_usage: true },
    include_performance: true,
    ...samplingOf(settings),
    ...thinkingOf(settings),
    ...formatOf(settings),
    ...toolsOf(settings),
    ...(continues ? { continue_final_message: true } : {}),
  };
}

function wireMessage(message: Message): WireMessage {
  if (message.role === "tool") {
    return { role: "tool", content: message.content, tool_call_id: message.toolCallId };
  }
  if (message.role === "assistant") {
    const calls = message.toolCalls?.map((call) => ({
      id: call.id,
      type: "function" as const,
      function: { name: call.name, arguments: call.arguments },
    }));
    return { role: "assistant", content: message.content, ...(calls?.length ? { tool_calls: calls } : {}) };
  }
  if (!message.pictures?.length) return { role: "user", content: message.content };
  return {
    role: "user",
    content: [
      ...message.pictures.map((picture) => ({ type: "image_url" as const, image_url: { url: picture.url } })),
      ...(message.content ? [{ type: "text" as const, text: message.content }] : []),
    ],
  };
}

function samplingOf({ sampling }: ChatSettings): Partial<ChatRequest> {
  const { stop, ...numbers } = sampling;
  const given = Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== null));
  return { ...given, ...(stop.length ? { stop } : {}) };
}

function thinkingOf({ thinking }: ChatSettings): Partial<ChatRequest> {
  return thinking === "default" ? {} : { chat_template_kwargs: { enable_thinking: thinking === "on" } };
}

function formatOf({ format, schema }: ChatSettings): Partial<ChatRequest> {
  if (format === "text") return {};
  if (format === "json") return { response_format: { type: "json_object" } };
  const given = parsed(schema, "The JSON schema");
  if (typeof given !== "object" || given === null)
    throw new ServerError("refused", "The JSON schema is not an object.");
  return {
    response_format: { type: "json_schema", json_schema: { name: "answer", schema: { ...given }, strict: true } },
  };
}

function toolsOf({ tools }: ChatSettings): Partial<ChatRequest> {
  if (!tools.trim()) return {};
  const given = parsed(tools, "The list of tools");
  if (!Array.isArray(given)) throw new ServerError("refused", "The tools are not a JSON list.");
  return given.length ? { tools: given } : {};
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ServerError(
      "refused",
      `${what} is not valid JSON: ${error instanceof Error ? error.message : "it cannot be read"}.`,
    );
  }
}

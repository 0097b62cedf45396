import { noSampling, noSettings, type ChatSettings } from "../chatSettings";
import type { Conversation } from "../conversation";
import type { Message, Picture, ToolCall } from "../message";
import type { Metrics } from "../metrics";

/** A record or an imported file that is not what it should be; the message says where. */
export class DamagedRecord extends Error {
  override readonly name = "DamagedRecord";
}

type Fields = Record<string, unknown>;

function damaged(where: string, wanted: string): never {
  throw new DamagedRecord(`${where} is not ${wanted}.`);
}

function fields(value: unknown, where: string): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : damaged(where, "an object");
}

function text(value: unknown, where: string): string {
  return typeof value === "string" ? value : damaged(where, "a text");
}

function number(value: unknown, where: string): number {
  return typeof value === "number" && Number.isFinite(value) ? value : damaged(where, "a number");
}

function textOrNull(value: unknown, where: string): string | null {
  return value === null || value === undefined ? null : text(value, where);
}

function list<T>(value: unknown, where: string, read: (part: unknown, where: string) => T): T[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) damaged(where, "a list");
  return value.map((part, index) => read(part, `${where}[${index}]`));
}

/** A conversation out of untrusted data. Raises DamagedRecord; keys that it does not know are dropped. */
export function readConversation(value: unknown): Conversation {
  const record = fields(value, "The conversation");
  const messages: Record<string, Message> = {};
  for (const [id, message] of Object.entries(fields(record["messages"], "messages"))) {
    messages[id] = { ...readMessage(message, `messages.${id}`), id };
  }
  const leaf = textOrNull(record["leaf"], "leaf");
  if (leaf !== null && !messages[leaf]) damaged("leaf", "the id of a message");
  return {
    id: text(record["id"], "id"),
    title: text(record["title"], "title"),
    createdAt: number(record["createdAt"], "createdAt"),
    updatedAt: number(record["updatedAt"], "updatedAt"),
    model: textOrNull(record["model"], "model"),
    settings: readSettings(record["settings"]),
    messages,
    leaf,
  };
}

function readMessage(value: unknown, where: string): Message {
  const record = fields(value, where);
  const { role, state } = record;
  if (role !== "user" && role !== "assistant" && role !== "tool") damaged(`${where}.role`, "user, assistant or tool");
  const message: Message = {
    id: text(record["id"], `${where}.id`),
    parent: textOrNull(record["parent"], `${where}.parent`),
    role,
    content: text(record["content"], `${where}.content`),
    createdAt: number(record["createdAt"], `${where}.createdAt`),
  };
  const pictures = list(record["pictures"], `${where}.pictures`, readPicture);
  if (pictures.length) message.pictures = pictures;
  const calls = list(record["toolCalls"], `${where}.toolCalls`, readCall);
  if (calls.length) message.toolCalls = calls;
  for (const key of ["toolCallId", "model", "reasoning"] as const) {
    if (record[key] !== undefined) message[key] = text(record[key], `${where}.${key}`);
  }
  if (role === "assistant") {
    // Nothing streams after a reload: what was under way has ended.
    message.state = state === "complete" || state === "failed" ? state : "stopped";
    message.finish = textOrNull(record["finish"], `${where}.finish`);
  }
  if (record["failure"] !== undefined) {
    const failure = fields(record["failure"], `${where}.failure`);
    message.failure = {
      kind: text(failure["kind"], `${where}.failure.kind`),
      message: text(failure["message"], `${where}.failure.message`),
    };
  }
  if (record["metrics"] !== undefined) message.metrics = readMetrics(record["metrics"], `${where}.metrics`);
  return message;
}

function readPicture(value: unknown, where: string): Picture {
  const record = fields(value, where);
  const url = text(record["url"], `${where}.url`);
  if (!url.startsWith("data:image/")) damaged(`${where}.url`, "a data URL of an image");
  return { name: text(record["name"], `${where}.name`), url };
}

function readCall(value: unknown, where: string): ToolCall {
  const record = fields(value, where);
  return {
    id: text(record["id"], `${where}.id`),
    name: text(record["name"], `${where}.name`),
    arguments: text(record["arguments"], `${where}.arguments`),
  };
}

function readMetrics(value: unknown, where: string): Metrics {
  const record = fields(value, where);
  const known = (key: string) => (typeof record[key] === "number" ? record[key] : null);
  return {
    firstToken: known("firstToken"),
    total: number(record["total"], `${where}.total`),
    queue: known("queue"),
    tokensPerSecond: known("tokensPerSecond"),
    promptPerSecond: known("promptPerSecond"),
    promptTokens: known("promptTokens"),
    cachedTokens: known("cachedTokens"),
    answerTokens: known("answerTokens"),
    reasoningTokens: known("reasoningTokens"),
  };
}

/** Settings that are missing or of another type are left to the model. */
export function readSettings(value: unknown): ChatSettings {
  const settings = noSettings();
  if (typeof value !== "object" || value === null) return settings;
  const record = value as Fields;
  for (const key of ["system", "schema", "tools"] as const) {
    if (typeof record[key] === "string") settings[key] = record[key];
  }
  const { thinking, format } = record;
  if (thinking === "on" || thinking === "off") settings.thinking = thinking;
  if (format === "json" || format === "schema") settings.format = format;
  if (typeof record["sampling"] === "object" && record["sampling"] !== null) {
    const sampling = record["sampling"] as Fields;
    const { stop, ...numbers } = noSampling();
    for (const key of Object.keys(numbers) as (keyof typeof numbers)[]) {
      const given = sampling[key];
      if (typeof given === "number" && Number.isFinite(given)) settings.sampling[key] = given;
    }
    settings.sampling.stop = Array.isArray(sampling["stop"])
      ? sampling["stop"].filter((it): it is string => typeof it === "string")
      : stop;
  }
  return settings;
}

import { expect, test } from "vitest";
import { SseParser, sseItems, type SseItem } from "./sse";

const TEXT =
  ': keepalive\n\ndata: {"a": "ü€\u{1F600}"}\n\n: keepalive 512/2048\r\n\r\nevent: error\r\ndata: first\r\ndata: second\r\n\r\ndata:[DONE]\n\n';
const ITEMS: SseItem[] = [
  { kind: "comment", text: "keepalive" },
  { kind: "event", event: "message", data: '{"a": "ü€\u{1F600}"}' },
  { kind: "comment", text: "keepalive 512/2048" },
  { kind: "event", event: "error", data: "first\nsecond" },
  { kind: "event", event: "message", data: "[DONE]" },
];

async function itemsOf(chunks: Uint8Array[]): Promise<SseItem[]> {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const items: SseItem[] = [];
  for await (const item of sseItems(stream)) items.push(item);
  return items;
}

test("a stream in one piece gives events and comments in their order", async () => {
  expect(await itemsOf([new TextEncoder().encode(TEXT)])).toEqual(ITEMS);
});

test("every cut into two chunks gives the same, within characters and line ends too", async () => {
  const bytes = new TextEncoder().encode(TEXT);
  for (let at = 0; at <= bytes.length; at++) {
    expect(await itemsOf([bytes.slice(0, at), bytes.slice(at)]), `cut at ${at}`).toEqual(ITEMS);
  }
});

test("single bytes give the same", async () => {
  const bytes = new TextEncoder().encode(TEXT);
  expect(await itemsOf([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(ITEMS);
});

test("lines may end in a lone carriage return", () => {
  const parser = new SseParser();
  expect(parser.push("data: a\r\rdata: b\r\r")).toEqual([
    { kind: "event", event: "message", data: "a" },
    { kind: "event", event: "message", data: "b" },
  ]);
});

test("an event that is not ended by an empty line is not given", () => {
  expect(new SseParser().push("data: a\n\ndata: b\n")).toHaveLength(1);
});

test("unknown fields, a byte order mark and an event without data give nothing", () => {
  expect(new SseParser().push("\uFEFFid: 1\nretry: 5\nevent: ping\n\n")).toEqual([]);
});

test("only the first space after the colon is left out", () => {
  expect(new SseParser().push("data:  two\n\n")).toEqual([{ kind: "event", event: "message", data: " two" }]);
});

/** Server-sent events (WHATWG HTML, 9.2.6). Comments are given too: the server sends `: keepalive 512/2048`. */
export type SseItem = { kind: "event"; event: string; data: string } | { kind: "comment"; text: string };

/** Takes text in any pieces and gives what is complete. A line may be cut anywhere, between CR and LF too. */
export class SseParser {
  #rest = "";
  #event = "";
  #data: string[] = [];
  #afterReturn = false;
  #begun = false;

  push(text: string): SseItem[] {
    const items: SseItem[] = [];
    let piece = text;
    if (!this.#begun && piece) {
      this.#begun = true;
      if (piece.startsWith("\uFEFF")) piece = piece.slice(1);
    }
    if (this.#afterReturn && piece) {
      this.#afterReturn = false;
      if (piece.startsWith("\n")) piece = piece.slice(1);
    }
    if (piece.endsWith("\r")) this.#afterReturn = true;
    const lines = (this.#rest + piece).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#take(line, items);
    return items;
  }

  #take(line: string, items: SseItem[]): void {
    if (line === "") {
      if (this.#data.length)
        items.push({ kind: "event", event: this.#event || "message", data: this.#data.join("\n") });
      this.#event = "";
      this.#data = [];
      return;
    }
    if (line.startsWith(":")) {
      items.push({ kind: "comment", text: line.slice(1).trim() });
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
  }
}

/** The text of a byte stream; a character that is cut between two chunks is put together. */
export async function* textOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const text = decoder.decode(value, { stream: !done });
      if (text) yield text;
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

export async function* sseItems(stream: ReadableStream<Uint8Array>): AsyncGenerator<SseItem> {
  const parser = new SseParser();
  for await (const text of textOf(stream)) yield* parser.push(text);
}

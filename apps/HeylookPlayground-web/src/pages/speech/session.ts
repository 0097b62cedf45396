import { heard, type LiveMessage, type Transcript } from "./live";
import { capture, RATE, type Capture } from "@/audio/capture";
import { socketUrl, useConnection } from "@/client/settings";

const PROTOCOL = "heylook.stt.v1";
/** A web page can set no header of a WebSocket; the server takes the key from a subprotocol. */
const KEY = "openai-insecure-api-key.";

const CLOSED: Record<number, string> = {
  1001: "The server has stopped.",
  1006: "The connection was lost, or the server refused it.",
  1013: "The server has too much to do for another live session.",
};

export interface Listener {
  transcript: (change: (before: Transcript) => Transcript) => void;
  samples: (samples: Int16Array) => void;
  /** It is over; with a sentence if that was not wanted. */
  ended: (problem: string | null) => void;
}

function address(model: string): string {
  const query = new URLSearchParams({ model, sample_rate: String(RATE), word_timestamps: "true" });
  return `${socketUrl("/v1/stt/stream")}?${query}`;
}

function protocols(): string[] {
  const { apiKey } = useConnection.getState();
  return apiKey ? [PROTOCOL, `${KEY}${apiKey}`] : [PROTOCOL];
}

/** The microphone on one side, the server on the other. */
export class LiveSession {
  readonly #listener: Listener;
  #socket: WebSocket | null = null;
  #capture: Capture | null = null;
  #over = false;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  /** Begins to listen. Raises NoMicrophone, or SyntaxError for a key that no subprotocol can hold. */
  async start(model: string): Promise<void> {
    const early: Int16Array<ArrayBuffer>[] = [];
    this.#capture = await capture((samples) => {
      this.#listener.samples(samples);
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(samples);
      else early.push(samples);
    });
    if (this.#over) {
      this.#capture.stop();
      return;
    }
    try {
      this.#socket = new WebSocket(address(model), protocols());
    } catch (error) {
      this.#capture.stop();
      throw error;
    }
    this.#socket.addEventListener("open", () => {
      for (const samples of early.splice(0)) this.#socket?.send(samples);
    });
    this.#socket.addEventListener("message", (event: MessageEvent<string>) => this.#take(event.data));
    this.#socket.addEventListener("close", (event) => this.#end(event.code));
  }

  /** Hears no more; the rest of what was said is told before the end. */
  finish(): void {
    this.#capture?.stop();
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type: "close" }));
    else this.abandon();
  }

  /** Ends at once, without a word to the listener. */
  abandon(): void {
    this.#over = true;
    this.#capture?.stop();
    this.#socket?.close();
  }

  #take(data: string): void {
    const message = JSON.parse(data) as LiveMessage;
    this.#listener.transcript((before) => heard(before, message));
  }

  #end(code: number): void {
    this.#capture?.stop();
    if (this.#over) return;
    this.#over = true;
    this.#listener.ended(code === 1000 ? null : (CLOSED[code] ?? null));
  }
}

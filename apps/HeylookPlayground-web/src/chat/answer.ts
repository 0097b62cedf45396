import type { Failure, MessageState, ToolCall } from "./message";
import { metricsOf, type Metrics } from "./metrics";
import { ServerError } from "@/client/errors";
import type { ChatEvent } from "@/client/chat";
import type { ChatChunk, Performance, Usage } from "@/client/types";

/** What an answer waits for, in the order in which it happens. */
export type Phase =
  | { kind: "asking" }
  | { kind: "waiting" }
  | { kind: "reading"; done: number; total: number }
  | { kind: "thinking" }
  | { kind: "answering" };

export interface Before {
  content?: string;
  reasoning?: string;
}

/** An answer while it arrives. Mutable: it takes hundreds of pieces a second, and is copied once a frame. */
export class Answer {
  phase: Phase = { kind: "asking" };
  content: string;
  reasoning: string;
  toolCalls: ToolCall[] = [];
  finish: string | null = null;
  #usage: Usage | null = null;
  #performance: Performance | null = null;
  readonly #sentAt: number;
  #firstAt: number | null = null;
  readonly #now: () => number;

  /** `before` is what an answer that goes on had already. */
  constructor(before: Before = {}, now: () => number = () => performance.now()) {
    this.content = before.content ?? "";
    this.reasoning = before.reasoning ?? "";
    this.#now = now;
    this.#sentAt = now();
  }

  take(event: ChatEvent): void {
    if (event.kind === "chunk") this.#takeChunk(event.chunk);
    else if (this.#firstAt === null) {
      this.phase = event.kind === "reading" ? event : { kind: "waiting" };
    }
  }

  #takeChunk(chunk: ChatChunk): void {
    this.#usage = chunk.usage ?? this.#usage;
    this.#performance = chunk.performance ?? this.#performance;
    const choice = chunk.choices[0];
    if (!choice) return;
    this.finish = choice.finish_reason ?? this.finish;
    const { content, reasoning_content: reasoning, tool_calls: calls } = choice.delta;
    if (content || reasoning || calls?.length) this.#firstAt ??= this.#now();
    if (reasoning) {
      this.reasoning += reasoning;
      this.phase = { kind: "thinking" };
    }
    if (content) this.content += content;
    if (content || calls?.length) this.phase = { kind: "answering" };
    for (const call of calls ?? []) this.#takeCall(call);
  }

  #takeCall(piece: {
    index: number;
    id?: string | null;
    function?: { name?: string | null; arguments?: string | null } | null;
  }): void {
    const call = (this.toolCalls[piece.index] ??= { id: "", name: "", arguments: "" });
    call.id = piece.id ?? call.id;
    call.name = piece.function?.name ?? call.name;
    call.arguments += piece.function?.arguments ?? "";
  }

  /** Seconds since it was asked for. */
  get elapsed(): number {
    return (this.#now() - this.#sentAt) / 1000;
  }

  metrics(): Metrics {
    return metricsOf(
      { sentAt: this.#sentAt, firstAt: this.#firstAt, endAt: this.#now() },
      this.#usage,
      this.#performance,
    );
  }

  /** The parts of a message, as far as they have come. */
  snapshot(): AnswerSnapshot {
    return {
      content: this.content,
      reasoning: this.reasoning,
      toolCalls: this.toolCalls.map((call) => ({ ...call })),
      phase: this.phase,
    };
  }

  /** The message's fields once it is over, for whatever reason. */
  end(state: Exclude<MessageState, "streaming">, failure?: Failure): AnswerEnd {
    const { phase: _, ...parts } = this.snapshot();
    return { ...parts, state, finish: this.finish, metrics: this.metrics(), failure };
  }
}

export interface AnswerSnapshot {
  content: string;
  reasoning: string;
  toolCalls: ToolCall[];
  phase: Phase;
}

export type AnswerEnd = Omit<AnswerSnapshot, "phase"> & {
  state: MessageState;
  finish: string | null;
  metrics: Metrics;
  failure?: Failure;
};

export function failureOf(error: unknown): Failure {
  if (error instanceof ServerError) return { kind: error.kind, message: error.message };
  return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
}

/** Messages of /v1/stt/stream that the page heeds: docs/reference/speech.md has all of them. */
export type LiveMessage =
  | { type: "session.created" | "session.updated"; session: { id: string; model: string } }
  | { type: "speech_started"; utterance: number; start: number }
  | { type: "partial"; utterance: number; text: string; stable_chars: number; start: number; end: number }
  | { type: "final"; utterance: number; text: string; start: number; end: number; words?: Word[] }
  | { type: "warning"; code: string; message?: string }
  | { type: "error"; error: string; code: string; fatal: boolean }
  | { type: "session.closed"; duration: number }
  | { type: "pong" };

export interface Word {
  word: string;
  start: number;
  end: number;
}

export interface Utterance {
  id: number;
  text: string;
  /** How much of the text will not change any more, in characters as the server counts them. */
  stable: number;
  final: boolean;
  start: number;
  end: number;
  words: Word[];
}

export interface Transcript {
  utterances: Utterance[];
  model: string | null;
  /** What the server told that the user should know. */
  notice: string | null;
  error: string | null;
}

export const EMPTY: Transcript = { utterances: [], model: null, notice: null, error: null };

/** The transcript after a message. */
export function heard(before: Transcript, message: LiveMessage): Transcript {
  switch (message.type) {
    case "session.created":
    case "session.updated":
      return { ...before, model: message.session.model };
    case "partial":
      return withUtterance(before, {
        id: message.utterance,
        text: message.text,
        stable: message.stable_chars,
        final: false,
        start: message.start,
        end: message.end,
        words: [],
      });
    case "final":
      return withUtterance(before, {
        id: message.utterance,
        text: message.text,
        stable: message.text.length,
        final: true,
        start: message.start,
        end: message.end,
        words: message.words ?? [],
      });
    case "warning":
      return { ...before, notice: message.code === "behind" ? "The model is behind what is said." : message.code };
    case "error":
      return { ...before, error: message.error };
    default:
      return before;
  }
}

function withUtterance(before: Transcript, next: Utterance): Transcript {
  const at = before.utterances.findIndex((utterance) => utterance.id === next.id);
  const utterances = at < 0 ? [...before.utterances, next] : before.utterances.with(at, next);
  return { ...before, utterances: utterances.filter((utterance) => utterance.text || !utterance.final) };
}

/** The text cut where it may still change. The server counts code points, JavaScript does not. */
export function settled(utterance: Utterance): [string, string] {
  if (utterance.final) return [utterance.text, ""];
  const points = [...utterance.text];
  return [points.slice(0, utterance.stable).join(""), points.slice(utterance.stable).join("")];
}

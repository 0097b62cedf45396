import { expect, test } from "vitest";
import { EMPTY, heard, settled, type LiveMessage } from "./live";
import { cuesOf, srt, vtt } from "./subtitles";

const partial = (utterance: number, text: string, stable = 0): LiveMessage => ({
  type: "partial",
  utterance,
  text,
  stable_chars: stable,
  start: 0,
  end: 1,
});

test("a partial result replaces the one before, a final one ends it", () => {
  const messages: LiveMessage[] = [
    { type: "session.created", session: { id: "s", model: "m" } },
    { type: "speech_started", utterance: 0, start: 0 },
    partial(0, "the"),
    partial(0, "the quick"),
    { type: "final", utterance: 0, text: "The quick.", start: 0, end: 1 },
    partial(1, "hello"),
  ];
  const transcript = messages.reduce(heard, EMPTY);
  expect(transcript.model).toBe("m");
  expect(transcript.utterances.map((one) => [one.id, one.text, one.final])).toEqual([
    [0, "The quick.", true],
    [1, "hello", false],
  ]);
});

test("an utterance without a word goes away", () => {
  const transcript = [partial(0, "hm"), { type: "final", utterance: 0, text: "", start: 0, end: 1 } as const];
  expect(transcript.reduce<typeof EMPTY>(heard, EMPTY).utterances).toEqual([]);
});

test("what is stable is counted in code points", () => {
  const { utterances } = heard(EMPTY, partial(0, "a\u{1F600}bc", 2));
  expect(utterances.map(settled)).toEqual([["a\u{1F600}", "bc"]]);
});

test("errors and warnings are told", () => {
  const fatal: LiveMessage = { type: "error", error: "No such model.", code: "model_not_found", fatal: true };
  expect(heard(EMPTY, fatal).error).toBe("No such model.");
  expect(heard(EMPTY, { type: "warning", code: "behind" }).notice).toContain("behind");
});

test("cues are cut between words", () => {
  const words = Array.from({ length: 30 }, (_, at) => ({ word: " eleven char", start: at, end: at + 0.9 }));
  const cues = cuesOf([{ text: "", start: 0, end: 30, words }]);
  expect(cues.every((cue) => cue.text.length <= 84 && cue.end - cue.start <= 7)).toBe(true);
  expect(
    cues
      .map((cue) => cue.text)
      .join(" ")
      .split(" ").length,
  ).toBe(60);
});

test("subtitles have their formats' times", () => {
  const cues = cuesOf([
    { text: " Hello <world> & all. ", start: 0, end: 1.5 },
    { text: "Later.", start: 3661.0405, end: 3662 },
  ]);
  expect(srt(cues)).toBe(
    "1\n00:00:00,000 --> 00:00:01,500\nHello <world> & all.\n\n2\n01:01:01,041 --> 01:01:02,000\nLater.\n",
  );
  expect(vtt(cues)).toContain("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello &lt;world&gt; &amp; all.\n");
});

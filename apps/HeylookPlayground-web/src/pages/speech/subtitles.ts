/** A piece of text with its time in seconds; words where the model tells them. */
export interface Segment {
  text: string;
  start: number;
  end: number;
  words?: { word: string; start: number; end: number }[];
}

export interface Cue {
  text: string;
  start: number;
  end: number;
}

const MOST_CHARACTERS = 84;
const MOST_SECONDS = 7;

/** What is shown at a time: at most 84 characters and 7 seconds, where words say how to cut. */
export function cuesOf(segments: Segment[]): Cue[] {
  return segments.flatMap((segment) => (segment.words?.length ? cut(segment.words) : [trimmed(segment)]));
}

function trimmed({ text, start, end }: Cue): Cue {
  return { text: text.trim(), start, end };
}

function cut(words: NonNullable<Segment["words"]>): Cue[] {
  const cues: Cue[] = [];
  for (const { word, start, end } of words) {
    const cue = cues.at(-1);
    const longer = cue ? `${cue.text} ${word.trim()}` : "";
    if (cue && longer.length <= MOST_CHARACTERS && end - cue.start <= MOST_SECONDS) {
      cue.text = longer;
      cue.end = end;
    } else {
      cues.push({ text: word.trim(), start, end });
    }
  }
  return cues;
}

function moment(seconds: number, comma: string): string {
  const all = Math.round(seconds * 1000);
  const part = (size: number, most: number, digits: number) =>
    String(Math.floor(all / size) % most).padStart(digits, "0");
  return `${part(3_600_000, 100, 2)}:${part(60_000, 60, 2)}:${part(1000, 60, 2)}${comma}${part(1, 1000, 3)}`;
}

export function srt(cues: Cue[]): string {
  const blocks = cues.map(
    ({ text, start, end }, at) => `${at + 1}\n${moment(start, ",")} --> ${moment(end, ",")}\n${text}\n`,
  );
  return blocks.join("\n");
}

/** WebVTT: marks of markup have to be escaped there. */
export function vtt(cues: Cue[]): string {
  const blocks = cues.map(
    ({ text, start, end }) => `\n${moment(start, ".")} --> ${moment(end, ".")}\n${escaped(text)}\n`,
  );
  return `WEBVTT\n${blocks.join("")}`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

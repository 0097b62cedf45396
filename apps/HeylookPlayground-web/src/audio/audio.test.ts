import { describe, expect, test } from "vitest";
import { loudness } from "./capture";
import { Resampler } from "./resample";
import { quantised, wavOf } from "./wav";

function tone(hertz: number, rate: number, seconds: number): Float32Array {
  return Float32Array.from({ length: rate * seconds }, (_, at) => Math.sin((2 * Math.PI * hertz * at) / rate));
}

/** The part of the power that a tone has, the ends left out. */
function share(samples: Float32Array, hertz: number, rate: number): number {
  let cosine = 0;
  let sine = 0;
  let power = 0;
  for (const [at, sample] of samples.subarray(200, -200).entries()) {
    const phase = (2 * Math.PI * hertz * at) / rate;
    cosine += sample * Math.cos(phase);
    sine += sample * Math.sin(phase);
    power += sample ** 2;
  }
  return (2 * (cosine ** 2 + sine ** 2)) / ((samples.length - 400) * power);
}

describe("the resampler", () => {
  test.each([48_000, 44_100])("keeps a tone of speech at %i Hz", (rate) => {
    const made = new Resampler(rate, 16_000).push(tone(1000, rate, 1));
    expect(made.length).toBeGreaterThan(15_900);
    expect(share(made, 1000, 16_000)).toBeGreaterThan(0.999);
    expect(loudness(quantised(made))).toBeCloseTo(Math.SQRT1_2, 1);
  });

  test("takes away what the lower rate cannot hold", () => {
    const made = new Resampler(48_000, 16_000).push(tone(12_000, 48_000, 1));
    expect(loudness(quantised(made))).toBeLessThan(0.01);
  });

  test("gives the same however the sound is cut", () => {
    const sound = tone(700, 44_100, 0.5);
    const whole = new Resampler(44_100, 16_000).push(sound);
    const pieces = new Resampler(44_100, 16_000);
    const made: number[] = [];
    for (let at = 0, size = 1; at < sound.length; at += size, size = (size * 7 + 3) % 900 || 1) {
      made.push(...pieces.push(sound.subarray(at, at + size)));
    }
    expect(made.length).toBe(whole.length);
    for (const [at, sample] of whole.entries()) expect(made[at]).toBeCloseTo(sample, 5);
  });

  test("leaves sound of the same rate alone", () => {
    const sound = tone(500, 16_000, 0.1);
    expect(new Resampler(16_000, 16_000).push(sound)).toBe(sound);
  });
});

test("samples beyond the scale are cut, not wrapped", () => {
  expect([...quantised(Float32Array.from([0, 1, -1, 2, -2]))]).toEqual([0, 32767, -32767, 32767, -32767]);
});

test("a WAV file says what it holds", async () => {
  const bytes = new DataView(await wavOf([Int16Array.from([1, 2]), Int16Array.from([3])], 16_000).arrayBuffer());
  const text = (at: number) => String.fromCharCode(...[0, 1, 2, 3].map((i) => bytes.getUint8(at + i)));
  expect([text(0), text(8), text(36)]).toEqual(["RIFF", "WAVE", "data"]);
  expect(bytes.getUint32(4, true)).toBe(bytes.byteLength - 8);
  expect(bytes.getUint32(24, true)).toBe(16_000);
  expect(bytes.getUint32(40, true)).toBe(6);
  expect(bytes.getInt16(48, true)).toBe(3);
});

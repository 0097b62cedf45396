/** Zero crossings of the kernel on either side: more is sharper and slower. */
const REACH = 12;

/**
 * Sound at another rate, in pieces: a windowed sinc, cut at the lower of the two Nyquist frequencies.
 * The pieces put together are the same however the input was cut.
 */
export class Resampler {
  readonly #step: number;
  readonly #cutoff: number;
  readonly #half: number;
  #held: Float32Array;
  /** Of the next output sample, in samples of `#held`. */
  #position: number;

  constructor(from: number, to: number) {
    this.#step = from / to;
    this.#cutoff = Math.min(1, to / from);
    this.#half = Math.ceil(REACH / this.#cutoff);
    this.#held = new Float32Array(this.#half);
    this.#position = this.#half;
  }

  push(samples: Float32Array): Float32Array {
    if (this.#step === 1) return samples;
    const all = new Float32Array(this.#held.length + samples.length);
    all.set(this.#held);
    all.set(samples, this.#held.length);
    const made: number[] = [];
    while (this.#position + this.#half < all.length) {
      made.push(this.#at(all));
      this.#position += this.#step;
    }
    const passed = Math.max(0, Math.floor(this.#position) - this.#half);
    this.#held = all.slice(passed);
    this.#position -= passed;
    return Float32Array.from(made);
  }

  #at(all: Float32Array): number {
    const centre = Math.floor(this.#position);
    let sum = 0;
    for (let at = centre - this.#half + 1; at <= centre + this.#half; at += 1) {
      const distance = this.#position - at;
      if (Math.abs(distance) < this.#half) sum += (all[at] ?? 0) * this.#kernel(distance);
    }
    return sum;
  }

  /** A sinc under a Hann window. */
  #kernel(distance: number): number {
    const scaled = Math.PI * distance * this.#cutoff;
    const sinc = scaled === 0 ? 1 : Math.sin(scaled) / scaled;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / this.#half);
    return this.#cutoff * sinc * window;
  }
}

const HEADER_BYTES = 44;

/** Samples from -1 to 1 as 16-bit numbers. */
export function quantised(samples: Float32Array): Int16Array<ArrayBuffer> {
  const made = new Int16Array(samples.length);
  for (const [at, sample] of samples.entries()) made[at] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
  return made;
}

/** A WAV file: 16-bit mono. */
export function wavOf(blocks: Int16Array<ArrayBuffer>[], rate: number): Blob {
  const bytes = blocks.reduce((sum, block) => sum + block.byteLength, 0);
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  const tag = (at: number, text: string) => {
    for (let i = 0; i < text.length; i += 1) header.setUint8(at + i, text.charCodeAt(i));
  };
  tag(0, "RIFF");
  header.setUint32(4, HEADER_BYTES - 8 + bytes, true);
  tag(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true); // PCM
  header.setUint16(22, 1, true); // channels
  header.setUint32(24, rate, true);
  header.setUint32(28, rate * 2, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  tag(36, "data");
  header.setUint32(40, bytes, true);
  return new Blob([header.buffer, ...blocks], { type: "audio/wav" });
}

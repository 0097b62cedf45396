import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { python } from "./python";

const FOLDER = fileURLToPath(new URL("../../node_modules/.cache/heylook", import.meta.url));

/** What Chromium's microphone hears: tunes, the language of the speech model of the tests (tools/speech_model). */
export const MICROPHONE = `${FOLDER}/microphone.wav`;
export const SPOKEN_FILE = `${FOLDER}/spoken.wav`;
/** The speech model of the tests as files of an ONNX export. */
export const TUNES_FOLDER = `${FOLDER}/tunes`;
export const SPOKEN = "The quick brown fox. Hello world.";

const WRITE = `
import sys, wave
import numpy as np
from tools.speech_model.tunes import spoken

path, rate, text = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with wave.open(path, "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(rate)
    file.writeframes((spoken(text, rate) * 32767).astype(np.int16).tobytes())
`;

const EXPORT = `
import sys
from pathlib import Path
from tools.speech_model.onnx_files import write

write(Path(sys.argv[1]), int8=False)
`;

export function writeSpeechModel(): void {
  python(EXPORT, TUNES_FOLDER);
}

export function writeSounds(): void {
  mkdirSync(FOLDER, { recursive: true });
  python(WRITE, SPOKEN_FILE, "16000", SPOKEN);
  python(WRITE, MICROPHONE, "48000", `_0.5 ${SPOKEN} _1.5`);
}

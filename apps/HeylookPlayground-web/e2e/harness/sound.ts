import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { python } from "./python";

const FOLDER = fileURLToPath(new URL("../../node_modules/.cache/heylook", import.meta.url));

/** What Chromium's microphone hears: tone speech, see heylook_core/testkit/tone_speech.py. */
export const MICROPHONE = `${FOLDER}/microphone.wav`;
export const SPOKEN_FILE = `${FOLDER}/spoken.wav`;
export const SPOKEN = "The quick brown fox. Hello world.";

const WRITE = `
import sys, wave
import numpy as np
from heylook_core.testkit.tone_speech import spoken

path, rate, text = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with wave.open(path, "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(rate)
    file.writeframes((spoken(text, rate) * 32767).astype(np.int16).tobytes())
`;

export function writeSounds(): void {
  mkdirSync(FOLDER, { recursive: true });
  python(WRITE, SPOKEN_FILE, "16000", SPOKEN);
  python(WRITE, MICROPHONE, "48000", `_0.5 ${SPOKEN} _1.5`);
}

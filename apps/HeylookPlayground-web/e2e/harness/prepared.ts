import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { CHECKOUT, environment, PYTHON } from "./python";

const FOLDER = fileURLToPath(new URL("../../node_modules/.cache/heylook", import.meta.url));
const PREPARE = fileURLToPath(new URL("prepare.py", import.meta.url));

/** What Chromium's microphone hears. */
export const MICROPHONE = `${FOLDER}/microphone.wav`;
export const SPOKEN_FILE = `${FOLDER}/spoken.wav`;
export const SPOKEN = "The quick brown fox. Hello world.";
/** The speech model of the tests as files of an ONNX export. */
export const TUNES_FOLDER = `${FOLDER}/tunes`;

/** What is installed beside the server. */
export interface Installed {
  /** A model that sees pictures can be loaded. */
  sees: boolean;
  /** The speech model of the tests can be written and loaded. */
  hears: boolean;
}

/** For the global setup: writes the files, and leaves what is installed to the workers. */
export default function prepare(): void {
  // The code of the tests is the checkout's, whichever Python has the server.
  const env = { ...environment(), PYTHONPATH: CHECKOUT };
  process.env["PLAYGROUND_INSTALLED"] = execFileSync(PYTHON, [PREPARE, FOLDER, SPOKEN], { encoding: "utf-8", env });
}

export function installed(): Installed {
  return JSON.parse(process.env["PLAYGROUND_INSTALLED"] ?? "{}") as Installed;
}

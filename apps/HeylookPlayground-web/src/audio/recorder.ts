import { capture, RATE } from "./capture";
import { wavOf } from "./wav";

export interface Recording {
  /** Ends it: a WAV file, 16 kHz mono. */
  stop: () => Promise<Blob>;
  /** Ends it and forgets what was heard. */
  cancel: () => void;
}

/** Records the microphone. Raises NoMicrophone. */
export async function startRecording(): Promise<Recording> {
  const blocks: Int16Array<ArrayBuffer>[] = [];
  const running = await capture((samples) => blocks.push(samples));
  return {
    stop: () => {
      running.stop();
      return Promise.resolve(wavOf(blocks, RATE));
    },
    cancel: running.stop,
  };
}

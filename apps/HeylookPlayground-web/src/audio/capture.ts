import { Resampler } from "./resample";
import tapUrl from "./tap.worklet.js?url";
import { quantised } from "./wav";

/** What speech models hear. */
export const RATE = 16_000;

/** The microphone in use. */
export interface Capture {
  stop: () => void;
}

/** Why there is no microphone, for the user. */
export class NoMicrophone extends Error {
  override readonly name = "NoMicrophone";
}

function reason(error: unknown): string {
  if (!(error instanceof DOMException)) return error instanceof Error ? error.message : String(error);
  if (error.name === "NotAllowedError") return "The browser does not let this page use the microphone.";
  if (error.name === "NotFoundError") return "There is no microphone.";
  return `The microphone cannot be used: ${error.message}`;
}

async function microphone(): Promise<MediaStream> {
  if (!isSecureContext) {
    throw new NoMicrophone(
      "Browsers give pages the microphone on localhost and over HTTPS only. Record a file instead.",
    );
  }
  const wanted = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  return navigator.mediaDevices.getUserMedia({ audio: wanted });
}

/** Hears until `stop`: 16 kHz mono in blocks of about a thirtieth of a second. Raises NoMicrophone. */
export async function capture(hear: (samples: Int16Array<ArrayBuffer>) => void): Promise<Capture> {
  let stream: MediaStream | null = null;
  let context: AudioContext | null = null;
  const stop = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    if (context && context.state !== "closed") void context.close();
  };
  try {
    stream = await microphone();
    context = new AudioContext();
    await context.audioWorklet.addModule(tapUrl);
    const tap = new AudioWorkletNode(context, "tap", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
    });
    const resampler = new Resampler(context.sampleRate, RATE);
    tap.port.addEventListener("message", (event: MessageEvent<Float32Array>) => {
      const samples = quantised(resampler.push(event.data));
      if (samples.length) hear(samples);
    });
    tap.port.start();
    context.createMediaStreamSource(stream).connect(tap);
    return { stop };
  } catch (error) {
    stop();
    throw error instanceof NoMicrophone ? error : new NoMicrophone(reason(error));
  }
}

/** How loud a block is, from 0 to 1: the root of its mean square. */
export function loudness(samples: Int16Array): number {
  let sum = 0;
  for (const sample of samples) sum += (sample / 32768) ** 2;
  return samples.length ? Math.sqrt(sum / samples.length) : 0;
}

import { get, post } from "./http";
import type { components } from "./schema";

type Schemas = components["schemas"];

export async function speechModels(signal?: AbortSignal): Promise<Schemas["OpenAISpeechModel"][]> {
  return (await get<Schemas["OpenAISpeechModelList"]>("/v1/stt/models", signal)).models;
}

/** The words of a WAV file. */
export async function transcribed(model: string, sound: Blob, signal?: AbortSignal): Promise<string> {
  const form = new FormData();
  form.set("model", model);
  form.set("file", sound, "speech.wav");
  return (await post<Schemas["OpenAITranscription"]>("/v1/audio/transcriptions", form, signal)).text;
}

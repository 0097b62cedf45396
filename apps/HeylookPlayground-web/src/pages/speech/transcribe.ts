import { useMutation, useQuery } from "@tanstack/react-query";
import type { Segment } from "./subtitles";
import { get, request } from "@/client/http";
import type { components } from "@/client/schema";

type Schemas = components["schemas"];
type Verbose = Schemas["OpenAIVerboseTranscription"];
export type SpeechModel = Schemas["OpenAISpeechModel"];

export function useSpeechModels() {
  return useQuery({
    queryKey: ["speech", "models"],
    queryFn: async ({ signal }) => (await get<Schemas["OpenAISpeechModelList"]>("/v1/stt/models", signal)).models,
    refetchInterval: 10_000,
  });
}

export interface Transcribed {
  name: string;
  language: string;
  duration: number;
  text: string;
  segments: Segment[];
}

async function send(file: File, model: string, words: boolean, signal: AbortSignal): Promise<Verbose> {
  const form = new FormData();
  form.set("file", file);
  form.set("model", model);
  form.set("response_format", "verbose_json");
  form.append("timestamp_granularities[]", "segment");
  if (words) form.append("timestamp_granularities[]", "word");
  return request<Verbose>({ method: "POST", url: "/v1/audio/transcriptions", data: form, signal });
}

/** Words belong to the segment in whose time they begin. */
function segmentsOf({ segments, words }: Verbose): Segment[] {
  const all = words ?? [];
  return (segments ?? []).map(({ text, start, end }, at, list) => {
    const until = list[at + 1]?.start ?? Infinity;
    const own = all.filter((word) => (at === 0 || word.start >= start) && word.start < until);
    return { text, start, end, words: own };
  });
}

export interface Wanted {
  file: File;
  model: SpeechModel;
  signal: AbortSignal;
}

/** The text of a sound file with its times. Words are asked for unless the model is known to tell none. */
export function useTranscription() {
  return useMutation({
    mutationFn: async ({ file, model, signal }: Wanted): Promise<Transcribed> => {
      const words = model.capabilities["word_timestamps"] !== false;
      const found = await send(file, model.id, words, signal);
      const { language, duration, text } = found;
      return { name: file.name, language, duration, text, segments: segmentsOf(found) };
    },
  });
}

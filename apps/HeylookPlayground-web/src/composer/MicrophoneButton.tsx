import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { startRecording, type Recording } from "@/audio/recorder";
import { speechModels, transcribed } from "@/client/speech";
import { IconButton } from "@/components";

interface MicrophoneButtonProps {
  onText: (text: string) => void;
  onError: (message: string) => void;
}

type State = { kind: "idle" } | { kind: "recording"; recording: Recording } | { kind: "hearing" };

/** Speech to text, by the first model of the server that hears. */
export function MicrophoneButton({ onText, onError }: MicrophoneButtonProps) {
  const [state, setState] = useState<State>({ kind: "idle" });
  const models = useQuery({ queryKey: ["speech-models"], queryFn: ({ signal }) => speechModels(signal) });
  const current = useRef(state);
  useEffect(() => {
    current.current = state;
  });
  useEffect(
    () => () => {
      if (current.current.kind === "recording") current.current.recording.cancel();
    },
    [],
  );
  const model = models.data?.find((it) => it.loaded) ?? models.data?.[0];

  async function press() {
    if (!model || state.kind === "hearing") return;
    try {
      if (state.kind === "idle") {
        setState({ kind: "recording", recording: await startRecording() });
        return;
      }
      setState({ kind: "hearing" });
      onText(await transcribed(model.id, await state.recording.stop()));
    } catch (error) {
      onError(error instanceof Error ? error.message : String(error));
    }
    setState({ kind: "idle" });
  }

  const label = model
    ? { idle: "Speak", recording: "End the recording", hearing: "Listening to the recording" }[state.kind]
    : "The server has no model that hears";
  return (
    <IconButton
      icon={state.kind === "recording" ? "stop" : "speech"}
      kind={state.kind === "recording" ? "danger" : "quiet"}
      label={label}
      aria-pressed={state.kind === "recording"}
      aria-busy={state.kind === "hearing" || undefined}
      disabled={!model || state.kind === "hearing"}
      onClick={() => void press()}
    />
  );
}

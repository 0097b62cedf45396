import { useEffect, useRef, useState } from "react";
import { Downloads } from "./Downloads";
import { EMPTY, settled, type Transcript } from "./live";
import { LiveSession } from "./session";
import styles from "./speech.module.css";
import { loudness } from "@/audio/capture";
import type { SpeechModel } from "./transcribe";
import { Button, EmptyState, ErrorNote, Panel } from "@/components";

type State = "idle" | "starting" | "listening" | "finishing";

/** The microphone as text, while it is spoken. */
export function LivePanel({ model }: { model: SpeechModel | undefined }) {
  const [state, setState] = useState<State>("idle");
  const [transcript, setTranscript] = useState<Transcript>(EMPTY);
  const [error, setError] = useState<unknown>(null);
  const session = useRef<LiveSession | null>(null);
  const meter = useRef<HTMLDivElement>(null);
  useEffect(() => () => session.current?.abandon(), []);

  async function start(id: string) {
    setTranscript(EMPTY);
    setError(null);
    setState("starting");
    const listening = new LiveSession({
      transcript: setTranscript,
      samples: (samples) => {
        const level = Math.min(1, loudness(samples) * 4);
        meter.current?.style.setProperty("transform", `scaleX(${level.toFixed(3)})`);
      },
      ended: (problem) => {
        setState("idle");
        if (problem) setError(new Error(problem));
      },
    });
    session.current = listening;
    try {
      await listening.start(id);
      setState("listening");
    } catch (raised) {
      setState("idle");
      setError(raised);
    }
  }

  function finish() {
    setState("finishing");
    session.current?.finish();
  }

  const { utterances, notice } = transcript;
  const finals = utterances.filter((utterance) => utterance.final);
  return (
    <Panel
      title="Live"
      actions={
        state === "idle" ? (
          <Button small kind="primary" icon="speech" disabled={!model} onClick={() => model && start(model.id)}>
            Start
          </Button>
        ) : (
          <Button small icon="stop" busy={state !== "listening"} onClick={finish}>
            Stop
          </Button>
        )
      }
    >
      <div className={styles.stack}>
        <div className={styles.meter} aria-hidden="true" data-on={state === "listening" || undefined}>
          <div ref={meter} />
        </div>
        <p className={styles.quiet} role="status">
          {
            {
              idle: "",
              starting: "Asking for the microphone",
              listening: "Listening",
              finishing: "Waiting for the rest",
            }[state]
          }
        </p>
        {notice && <p className={styles.notice}>{notice}</p>}
        {(transcript.error ?? error) !== null && (
          <ErrorNote error={transcript.error ? new Error(transcript.error) : error} />
        )}
        {utterances.length ? (
          <div className={styles.spoken} role="log" aria-label="Live transcript" aria-live="polite">
            {utterances.map((utterance) => {
              const [sure, open] = settled(utterance);
              return (
                <p key={utterance.id} data-final={utterance.final || undefined}>
                  {sure}
                  {open && <span className={styles.open}>{open}</span>}
                </p>
              );
            })}
          </div>
        ) : (
          state === "idle" && (
            <EmptyState title="Speak, and read along">
              What is still uncertain is grey; each sentence is settled at its end.
            </EmptyState>
          )
        )}
        {state === "idle" && finals.length > 0 && (
          <Downloads name="live" text={finals.map((utterance) => utterance.text).join(" ")} segments={finals} />
        )}
      </div>
    </Panel>
  );
}

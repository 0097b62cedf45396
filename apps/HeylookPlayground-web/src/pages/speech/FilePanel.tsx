import { useEffect, useRef, useState, type DragEvent } from "react";
import { Downloads } from "./Downloads";
import styles from "./speech.module.css";
import { useTranscription, type SpeechModel, type Transcribed } from "./transcribe";
import { isAborted } from "@/client/errors";
import { Button, classes, ErrorNote, Metric, MetricList, Panel, Progress } from "@/components";
import { duration } from "@/format/quantities";

/** A sound file, dropped or chosen, as text. */
export function FilePanel({ model }: { model: SpeechModel | undefined }) {
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const leaving = useRef<AbortController | null>(null);
  const transcription = useTranscription();
  const { isPending, variables, data, error } = transcription;
  useEffect(() => () => leaving.current?.abort(), []);

  function take(file: File | undefined) {
    if (!file || !model) return;
    leaving.current?.abort();
    leaving.current = new AbortController();
    transcription.mutate({ file, model, signal: leaving.current.signal });
  }

  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  }

  return (
    <Panel title="File">
      <div className={styles.stack}>
        {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- the button within does the same */}
        <div
          className={classes(styles.drop, over && styles.over)}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
        >
          <p>Drop a sound file here</p>
          <Button icon="file" disabled={!model || isPending} onClick={() => input.current?.click()}>
            Choose a file
          </Button>
          <input
            ref={input}
            type="file"
            hidden
            accept="audio/*,video/*,.wav,.mp3,.m4a,.flac,.ogg,.opus,.webm"
            aria-label="Sound file"
            onChange={(event) => {
              take(event.target.files?.[0]);
              event.target.value = "";
            }}
          />
        </div>
        {isPending && (
          <div className={styles.running}>
            <p role="status">Transcribing {variables.file.name}</p>
            <Progress label="Transcribing" />
            <Button small icon="stop" onClick={() => leaving.current?.abort()}>
              Stop
            </Button>
          </div>
        )}
        {error && !isAborted(error) && <ErrorNote error={error} onRetry={variables && (() => take(variables.file))} />}
        {data && !isPending && <Outcome {...data} />}
      </div>
    </Panel>
  );
}

function Outcome({ name, language, duration: seconds, text, segments }: Transcribed) {
  return (
    <section className={styles.stack} aria-label={`Transcript of ${name}`}>
      <MetricList label="About the recording">
        <Metric label="file" value={name} />
        <Metric label="length" value={duration(seconds)} />
        <Metric label="language" value={language || null} />
      </MetricList>
      {segments.length ? (
        <ol className={styles.segments}>
          {segments.map((segment) => (
            <li key={segment.start}>
              <time>{stamp(segment.start)}</time>
              <p>{segment.text}</p>
            </li>
          ))}
        </ol>
      ) : (
        <p className={styles.quiet}>{text || "Nothing was said."}</p>
      )}
      <Downloads name={name} text={text} segments={segments} />
    </section>
  );
}

function stamp(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

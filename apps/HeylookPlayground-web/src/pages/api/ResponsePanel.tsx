import { useLayoutEffect, useRef } from "react";
import styles from "./api.module.css";
import { Button, Busy, CopyButton, EmptyState, ErrorNote, Panel } from "@/components";
import type { WireRequest } from "@/wire/dialects";
import type { Exchange } from "@/wire/exchange";

export function ResponsePanel({ exchange, request }: { exchange: Exchange; request: WireRequest | null }) {
  const { received, running, error, send, stop } = exchange;
  const frame = useRef<HTMLPreElement>(null);
  useLayoutEffect(() => {
    if (running) frame.current?.scrollTo({ top: frame.current.scrollHeight });
  });
  return (
    <Panel
      title="Response"
      className={styles.panel}
      actions={
        <>
          {received && <CopyButton text={() => received} label="Copy the response" />}
          {running ? (
            <Button small icon="stop" onClick={stop}>
              Stop
            </Button>
          ) : (
            <Button small kind="primary" icon="play" disabled={!request} onClick={() => request && send(request)}>
              Send
            </Button>
          )}
        </>
      }
    >
      {error !== null && <ErrorNote error={error} />}
      {received ? (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the keyboard scrolls it
        <pre ref={frame} className={styles.bytes} tabIndex={0} aria-label="Bytes of the response">
          {received}
        </pre>
      ) : running ? (
        <Busy>Waiting for the first bytes</Busy>
      ) : (
        error === null && (
          <EmptyState title="Nothing yet">Send the request to see what comes back, as it comes.</EmptyState>
        )
      )}
    </Panel>
  );
}

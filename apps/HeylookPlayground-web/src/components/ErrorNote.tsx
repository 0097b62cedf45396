import { Button } from "./Button";
import styles from "./ErrorNote.module.css";
import { ServerError } from "@/client/errors";

const TITLES: Record<ServerError["kind"], string> = {
  offline: "No connection to the server",
  cut: "The answer was cut off",
  unauthorised: "The server wants an API key",
  forbidden: "Not allowed",
  missing: "Not found",
  busy: "The server is busy",
  unavailable: "Not available now",
  refused: "The server refused the request",
  failed: "The request failed",
};

interface ErrorNoteProps {
  error: unknown;
  onRetry?: () => void;
  retryLabel?: string;
}

/** An error in the server's words, with a way on. */
export function ErrorNote({ error, onRetry, retryLabel = "Try again" }: ErrorNoteProps) {
  const known = error instanceof ServerError ? error : null;
  const message = error instanceof Error ? error.message : String(error);
  return (
    <div className={styles.note} role="alert">
      <div className={styles.text}>
        <p className={styles.title}>{known ? TITLES[known.kind] : "Something went wrong"}</p>
        <p>{message}</p>
        {known?.retryAfter && <p>It asks to be tried again in {known.retryAfter} s.</p>}
        {known?.kind === "unauthorised" && (
          <p>
            Enter it under <a href="#/settings">Settings</a>.
          </p>
        )}
      </div>
      {onRetry && (
        <Button small icon="refresh" onClick={onRetry}>
          {retryLabel}
        </Button>
      )}
    </div>
  );
}

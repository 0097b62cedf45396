/** What tabs of this browser that show the same server tell one another. */
export type Notice =
  /** A tab has opened, and asks what the others do. */
  | { kind: "hello" }
  /** A conversation was written or deleted. */
  | { kind: "changed"; id: string }
  /** All answers that arrive in that tab. */
  | { kind: "running"; tab: string; answers: string[] }
  /** Whichever tab has this answer is to stop it. */
  | { kind: "stop"; answer: string };

/** None where the browser forbids it, as it does where it gives no storage: then this tab is alone. */
const channel = openChannel();

function openChannel(): BroadcastChannel | null {
  try {
    return new BroadcastChannel("heylook-playground");
  } catch {
    return null;
  }
}

export function tell(notice: Notice): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
  channel?.postMessage(notice);
}

/** Hears the other tabs; gives what ends that. */
export function listen(take: (notice: Notice) => void): () => void {
  const hear = (event: MessageEvent<Notice>) => take(event.data);
  channel?.addEventListener("message", hear);
  return () => channel?.removeEventListener("message", hear);
}

import { useLayoutEffect, useRef, useState } from "react";
import { MessageView } from "./MessageView";
import styles from "./Thread.module.css";
import type { Conversation } from "@/chat/conversation";
import type { Message } from "@/chat/message";
import { useRuns } from "@/chat/runs";
import { Button } from "@/components";

/** Pixels from the end that still count as being there. */
const NEAR = 60;

/** The shown branch. It stays at the end while an answer grows, unless it was scrolled away from there. */
export function Thread({ conversation, messages }: { conversation: Conversation; messages: Message[] }) {
  const frame = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const shownLast = useRef<string | undefined>(undefined);
  const [away, setAway] = useState(false);
  const last = messages.at(-1);
  // Each frame of the answer draws the thread anew, so that it can follow.
  useRuns((state) => (last ? state.runs[last.id] : undefined));

  const toEnd = () => frame.current?.scrollTo({ top: frame.current.scrollHeight });
  useLayoutEffect(() => {
    if (shownLast.current !== last?.id) following.current = true;
    shownLast.current = last?.id;
    if (following.current) toEnd();
  });

  return (
    <div className={styles.outer}>
      <div
        ref={frame}
        className={styles.scroll}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the keyboard scrolls it
        tabIndex={0}
        role="region"
        aria-label="Conversation"
        onScroll={({ currentTarget: it }) => {
          following.current = it.scrollHeight - it.scrollTop - it.clientHeight < NEAR;
          setAway(!following.current);
        }}
      >
        <ol className={styles.messages}>
          {messages.map((message) => (
            <MessageView key={message.id} conversation={conversation} message={message} isLast={message === last} />
          ))}
        </ol>
      </div>
      {away && (
        <div className={styles.toEnd}>
          <Button small icon="down" onClick={toEnd}>
            To the end
          </Button>
        </div>
      )}
    </div>
  );
}

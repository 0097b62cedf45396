import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { MessageView } from "./MessageView";
import styles from "./Thread.module.css";
import type { Conversation } from "@/chat/conversation";
import type { Message } from "@/chat/message";
import { Button } from "@/components";

/** Pixels from the end that still count as being there. */
const NEAR = 60;

/** The shown branch. It stays at the end while an answer grows, unless it was scrolled away from there. */
export function Thread({ conversation, messages }: { conversation: Conversation; messages: Message[] }) {
  const frame = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const following = useRef(true);
  const shownLast = useRef<string | undefined>(undefined);
  const lastTop = useRef(0);
  const [away, setAway] = useState(false);
  const last = messages.at(-1);

  useLayoutEffect(() => {
    if (shownLast.current === last?.id) return;
    shownLast.current = last?.id;
    following.current = true;
    scrollToEnd(frame.current);
  });

  // Its size changes with each piece of an answer, and where code is coloured or a picture comes late.
  useEffect(() => {
    const observer = new ResizeObserver(() => {
      if (frame.current && isNearEnd(frame.current)) following.current = true;
      if (following.current) scrollToEnd(frame.current);
      setAway(!following.current);
    });
    for (const element of [frame.current, list.current]) if (element) observer.observe(element);
    return () => observer.disconnect();
  }, []);

  function onScroll(element: HTMLDivElement) {
    if (isNearEnd(element)) following.current = true;
    else if (element.scrollTop < lastTop.current) following.current = false;
    lastTop.current = element.scrollTop;
    setAway(!following.current);
  }

  return (
    <div className={styles.outer}>
      <div
        ref={frame}
        className={styles.scroll}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the keyboard scrolls it
        tabIndex={0}
        role="region"
        aria-label="Conversation"
        onScroll={({ currentTarget }) => onScroll(currentTarget)}
      >
        <ol ref={list} className={styles.messages}>
          {messages.map((message) => (
            <MessageView key={message.id} conversation={conversation} message={message} isLast={message === last} />
          ))}
        </ol>
      </div>
      {away && (
        <div className={styles.toEnd}>
          <Button small icon="down" onClick={() => scrollToEnd(frame.current)}>
            To the end
          </Button>
        </div>
      )}
    </div>
  );
}

function scrollToEnd(element: HTMLElement | null): void {
  element?.scrollTo({ top: element.scrollHeight });
}

function isNearEnd({ scrollHeight, scrollTop, clientHeight }: HTMLElement): boolean {
  return scrollHeight - scrollTop - clientHeight < NEAR;
}

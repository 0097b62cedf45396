import { useEffect, useState } from "react";
import styles from "./CodeBlock.module.css";
import type { Span } from "./highlight";
import { CopyButton } from "@/components";

interface CodeBlockProps {
  code: string;
  /** What is copied instead, if less is shown. */
  copied?: string;
  language: string;
  /** More of it arrives; it is coloured when it is complete. */
  open?: boolean;
}

/** Code with its language, a button to copy it, and colours once their chunk is there. */
export function CodeBlock({ code, copied = code, language, open }: CodeBlockProps) {
  const spans = useSpans(code, language, open);
  return (
    <figure className={styles.block}>
      <figcaption className={styles.caption}>
        <span>{language || "text"}</span>
        <CopyButton text={() => copied} label="Copy code" />
      </figcaption>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the keyboard scrolls it */}
      <pre className={styles.code} tabIndex={0} aria-label={`Code in ${language || "plain text"}`}>
        <code>
          {spans?.map((span, index) => (
            // oxlint-disable-next-line react/no-array-index-key -- the pieces have no other name
            <span key={index} className={span.kind ?? undefined}>
              {span.text}
            </span>
          )) ?? code}
        </code>
      </pre>
    </figure>
  );
}

function useSpans(code: string, language: string, open?: boolean): Span[] | null {
  const [done, setDone] = useState<{ code: string; spans: Span[] | null } | null>(null);
  useEffect(() => {
    if (open || !language) return;
    let wanted = true;
    import("./highlight").then(
      ({ highlighted }) => wanted && setDone({ code, spans: highlighted(code, language) }),
      // Without the chunk the code stays as it is.
      () => undefined,
    );
    return () => {
      wanted = false;
    };
  }, [code, language, open]);
  return done?.code === code ? done.spans : null;
}

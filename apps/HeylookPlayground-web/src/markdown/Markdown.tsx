import { lazy, Suspense } from "react";
import styles from "./Markdown.module.css";

const Rendered = lazy(() => import("./Rendered"));

/** Markdown; plain text until the renderer is there. */
export function Markdown({ text, open }: { text: string; open?: boolean }) {
  return (
    <Suspense fallback={<p className={styles.plain}>{text}</p>}>
      <Rendered text={text} open={open} />
    </Suspense>
  );
}

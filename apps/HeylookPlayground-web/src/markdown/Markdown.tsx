import { lazy, Suspense } from "react";
import styles from "./Markdown.module.css";

const load = () => import("./Rendered");
const Rendered = lazy(load);

/** Fetches the renderer before there is something to render, so that it is not evaluated between the first words. */
export function prepareMarkdown(): void {
  // Where it cannot be had now, the first answer asks again, and is plain text until then.
  void load().catch(() => undefined);
}

/** Markdown; plain text until the renderer is there. */
export function Markdown({ text, open }: { text: string; open?: boolean }) {
  return (
    <Suspense fallback={<p className={styles.plain}>{text}</p>}>
      <Rendered text={text} open={open} />
    </Suspense>
  );
}

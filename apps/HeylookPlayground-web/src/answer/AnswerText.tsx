import { memo } from "react";
import { CodeBlock } from "@/markdown/CodeBlock";
import { Markdown } from "@/markdown/Markdown";

/** An answer as Markdown; one that is JSON as a whole, as JSON. */
export const AnswerText = memo(function AnswerText({ text, open }: { text: string; open: boolean }) {
  const json = open ? null : prettyJson(text);
  return json === null ? <Markdown text={text} open={open} /> : <CodeBlock code={json} language="json" />;
});

export function prettyJson(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

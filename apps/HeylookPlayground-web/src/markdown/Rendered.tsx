import MarkdownToJsx, { type MarkdownToJSX } from "markdown-to-jsx/react";
import { isValidElement, memo, type ReactNode } from "react";
import { blocks } from "./blocks";
import { CodeBlock } from "./CodeBlock";
import styles from "./Markdown.module.css";

interface RenderedProps {
  text: string;
  /** More of it arrives. */
  open?: boolean;
}

/** Markdown as a page. HTML in it is shown as text, and pictures of other places as links: nothing is fetched. */
export default function Rendered({ text, open = false }: RenderedProps) {
  const pieces = blocks(text);
  return (
    <div className={styles.prose}>
      {pieces.map((piece, index) => (
        // oxlint-disable-next-line react/no-array-index-key -- pieces are only added at the end
        <Block key={index} text={piece} open={open && index === pieces.length - 1} />
      ))}
    </div>
  );
}

const Block = memo(function Block({ text, open }: { text: string; open: boolean }) {
  return <MarkdownToJsx options={open ? OPEN : CLOSED}>{text}</MarkdownToJsx>;
});

function Pre({ children, open }: { children?: ReactNode; open?: boolean }) {
  if (!isValidElement<{ className?: string; children?: ReactNode }>(children)) return <pre>{children}</pre>;
  const language = /language-([\w+#-]+)/.exec(children.props.className ?? "")?.[1] ?? "";
  return <CodeBlock code={textOf(children.props.children)} language={language.toLowerCase()} open={open} />;
}

function textOf(node: ReactNode): string {
  if (Array.isArray(node)) return node.map(textOf).join("");
  return typeof node === "string" || typeof node === "number" ? String(node) : "";
}

function Anchor({ children, href }: { children?: ReactNode; href?: string }) {
  return (
    <a href={href} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  );
}

function Picture({ src, alt }: { src?: string; alt?: string }) {
  return src?.startsWith("data:image/") ? <img src={src} alt={alt ?? ""} /> : <Anchor href={src}>{alt || src}</Anchor>;
}

function Table({ children }: { children?: ReactNode }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the keyboard scrolls it
    <div className={styles.table} tabIndex={0} role="region" aria-label="Table">
      <table>{children}</table>
    </div>
  );
}

function Box({ children }: { children?: ReactNode }) {
  return <div className={styles.block}>{children}</div>;
}

/** Headings of an answer lie below those of the page. */
const HEADINGS = { h1: "h3", h2: "h4", h3: "h5", h4: "h6", h5: "h6" } as const;

function optionsWhile(open: boolean): MarkdownToJSX.Options {
  return {
    disableParsingRawHTML: true,
    optimizeForStreaming: open,
    forceBlock: true,
    wrapper: Box,
    forceWrapper: true,
    slugify: () => "",
    overrides: {
      a: Anchor,
      img: Picture,
      table: Table,
      pre: { component: Pre, props: { open } },
      ...Object.fromEntries(
        Object.entries(HEADINGS).map(([from, to]) => [from, { component: to, props: { id: undefined } }]),
      ),
    },
  };
}

const OPEN = optionsWhile(true);
const CLOSED = optionsWhile(false);

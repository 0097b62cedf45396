import { useState } from "react";
import styles from "./api.module.css";
import { serverUrl, useConnection } from "@/client/settings";
import { Panel } from "@/components";
import { Tabs } from "@/components/Tabs";
import { CodeBlock } from "@/markdown/CodeBlock";
import type { WireRequest } from "@/wire/dialects";
import { SNIPPETS } from "@/wire/snippets";

const WIRE = "wire";
/** Base64 of images is cut in what is shown, not in what is copied. */
const SHOWN_CHARACTERS = 120;

export function RequestPanel({ request }: { request: WireRequest }) {
  const [chosen, setChosen] = useState(WIRE);
  const apiKey = useConnection((state) => state.apiKey);
  const url = new URL(request.path.slice(1), serverUrl()).href;
  const snippet = SNIPPETS.find((it) => it.name === chosen);
  const code = snippet ? snippet.code(url, request, apiKey) : wireText(url, request, apiKey);
  return (
    <Panel title="Request" className={styles.panel}>
      <Tabs
        label="Request as"
        tabs={[{ name: WIRE, title: "Bytes" }, ...SNIPPETS]}
        chosen={chosen}
        onChoose={setChosen}
      >
        <CodeBlock code={shortened(code)} copied={code} language={snippet?.language ?? "json"} />
      </Tabs>
    </Panel>
  );
}

/** The request line, the headers that matter, and the body, which is laid out for reading. */
function wireText(url: string, { path, body }: WireRequest, apiKey: string): string {
  const lines = [
    `POST ${path} HTTP/1.1`,
    `Host: ${new URL(url).host}`,
    "Content-Type: application/json",
    ...(apiKey ? ["Authorization: Bearer ..."] : []),
  ];
  return `${lines.join("\n")}\n\n${JSON.stringify(body, null, 2)}`;
}

function shortened(code: string): string {
  return code.replaceAll(
    /[A-Za-z0-9+/]{400,}=*/g,
    (it) => `${it.slice(0, SHOWN_CHARACTERS)}... (${it.length} characters)`,
  );
}

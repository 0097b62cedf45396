import type { WireRequest } from "./dialects";

export interface Snippet {
  name: string;
  title: string;
  /** For the highlighter. */
  language: string;
  code: (url: string, request: WireRequest, key: string) => string;
}

/** The same request in the words of other programs. A key is never written out: it is read from the environment. */
export const SNIPPETS: readonly Snippet[] = [
  { name: "curl", title: "curl", language: "bash", code: curl },
  { name: "python", title: "Python", language: "python", code: python },
  { name: "typescript", title: "TypeScript", language: "typescript", code: typescript },
];

const KEY = "HEYLOOK_API_KEY";

function curl(url: string, { body }: WireRequest, key: string): string {
  const header = key ? ` \\\n  -H "Authorization: Bearer $${KEY}"` : "";
  const json = JSON.stringify(body, null, 2).replaceAll("'", String.raw`'\''`);
  return `curl -N ${shellWord(url)} \\\n  -H 'Content-Type: application/json'${header} \\\n  -d '${json}'`;
}

function shellWord(text: string): string {
  return /^[\w:/.-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function python(url: string, { body }: WireRequest, key: string): string {
  const header = key ? `\n    headers={"Authorization": f"Bearer {os.environ['${KEY}']}"},` : "";
  return `${key ? "import os\n\n" : ""}import httpx

body = ${pythonLiteral(body)}

with httpx.stream(
    "POST",
    ${JSON.stringify(url)},
    json=body,${header}
    timeout=None,
) as response:
    for line in response.iter_lines():
        print(line)
`;
}

/** A JSON value as Python writes it. */
export function pythonLiteral(value: unknown, indent = ""): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  // Escapes of JSON are those of Python, but for halves of surrogate pairs, which stay characters here.
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}    `;
  const list = Array.isArray(value);
  const entries = list
    ? value.map((it) => pythonLiteral(it, inner))
    : Object.entries(value)
        .filter(([, it]) => it !== undefined)
        .map(([key, it]) => `${JSON.stringify(key)}: ${pythonLiteral(it, inner)}`);
  const [open, close] = list ? "[]" : "{}";
  if (!entries.length) return `${open}${close}`;
  return `${open}\n${entries.map((entry) => `${inner}${entry},\n`).join("")}${indent}${close}`;
}

function typescript(url: string, { body }: WireRequest, key: string): string {
  const header = key ? `\n    Authorization: \`Bearer \${process.env.${KEY}}\`,` : "";
  return `const response = await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: {
    "Content-Type": "application/json",${header}
  },
  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),
});

const decoder = new TextDecoder();
for await (const chunk of response.body!) {
  process.stdout.write(decoder.decode(chunk, { stream: true }));
}
`;
}

// Writes src/client/schema.ts from a running server's /openapi.json; with --check, compares instead.
// Only the bodies of the paths that the playground asks for are kept: other plugins of the server make no difference.
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import openapiTS, { astToString } from "openapi-typescript";

const OUTPUT = new URL("../src/client/schema.ts", import.meta.url);
const PATHS = new URL("./api-paths.json", import.meta.url);

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:8080" },
    check: { type: "boolean", default: false },
  },
});

function referenced(node, found = []) {
  if (Array.isArray(node)) node.forEach((part) => referenced(part, found));
  else if (node && typeof node === "object") {
    for (const [key, value] of Object.entries(node)) {
      if (key === "$ref") found.push(value);
      else referenced(value, found);
    }
  }
  return found;
}

/** What a reference such as `#/components/schemas/Health` points at. */
function target(description, reference) {
  return reference
    .split("/")
    .slice(1)
    .reduce((node, key) => node[key], description);
}

function bodiesOf(description, wanted) {
  const missing = wanted.filter((path) => !description.paths[path]);
  if (missing.length) throw new Error(`The server does not serve ${missing.join(", ")}; install its plugins.`);
  const seen = new Set();
  const waiting = wanted.flatMap((path) => referenced(description.paths[path]));
  while (waiting.length) {
    const reference = waiting.pop();
    if (seen.has(reference)) continue;
    seen.add(reference);
    waiting.push(...referenced(target(description, reference)));
  }
  const schemas = [...seen].filter((reference) => reference.startsWith("#/components/schemas/")).toSorted();
  return {
    openapi: description.openapi,
    info: description.info,
    paths: {},
    components: { schemas: Object.fromEntries(schemas.map((it) => [it.split("/").at(-1), target(description, it)])) },
  };
}

const answer = await fetch(new URL("/openapi.json", values.url));
if (!answer.ok) throw new Error(`${values.url}/openapi.json answered ${answer.status}`);
const description = bodiesOf(await answer.json(), JSON.parse(await readFile(PATHS, "utf8")));
const text = `// Written by \`npm run api\`; not edited by hand.\n${astToString(await openapiTS(description, { alphabetize: true }))}`;

if (!values.check) {
  await writeFile(OUTPUT, text);
} else if ((await readFile(OUTPUT, "utf8")) !== text) {
  console.error("src/client/schema.ts is not what the server describes; run: npm run api");
  process.exit(1);
}

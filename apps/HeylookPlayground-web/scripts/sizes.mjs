// Prints the size of each built file, as a Markdown table: kB as they are and gzipped.
import { readdir, readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const ASSETS = new URL("../../../plugins/playground/heylook_playground/static/assets/", import.meta.url);

const kB = (bytes) => (bytes / 1000).toFixed(1);
const names = (await readdir(ASSETS)).filter((name) => /\.(js|css)$/.test(name));
const rows = await Promise.all(
  names.map(async (name) => {
    const content = await readFile(new URL(name, ASSETS));
    return {
      name: name.replace(/-[\w-]{8}\./, "."),
      size: content.length,
      packed: gzipSync(content, { level: 9 }).length,
    };
  }),
);
console.log("| file | kB | gzipped |\n|---|--:|--:|");
for (const { name, size, packed } of rows.toSorted((a, b) => b.packed - a.packed)) {
  console.log(`| ${name} | ${kB(size)} | ${kB(packed)} |`);
}

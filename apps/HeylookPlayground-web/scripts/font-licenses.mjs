// Adds the licences of the fonts to those of the bundled code: Vite writes the latter, and does not see what only CSS asks for.
import { appendFile, readFile } from "node:fs/promises";

const LICENSES = new URL("../../../plugins/playground/heylook_playground/static/licenses.txt", import.meta.url);
const FONTS = ["inter", "jetbrains-mono"];

for (const name of FONTS) {
  const folder = new URL(`../node_modules/@fontsource-variable/${name}/`, import.meta.url);
  const { version, license } = JSON.parse(await readFile(new URL("package.json", folder), "utf8"));
  const text = await readFile(new URL("LICENSE", folder), "utf8");
  await appendFile(LICENSES, `\n## @fontsource-variable/${name} - ${version} (${license})\n\n${text.trim()}\n`);
}

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const CHECKOUT = fileURLToPath(new URL("../../../..", import.meta.url));

/** The Python whose heylook is tested; HEYLOOK_PYTHON names that of an environment with the wheel. */
export const PYTHON = process.env["HEYLOOK_PYTHON"] ?? `${CHECKOUT}/.venv/bin/python`;

/** The environment of the tests, without settings of the user's own server. */
export function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("HEYLOOK_"));
  return { ...Object.fromEntries(own), MLX_DISABLE_COMPILE: "1" };
}

/** What the code prints; it may import the checkout's own packages. */
export function python(code: string, ...args: string[]): string {
  return execFileSync(PYTHON, ["-c", code, ...args], { cwd: CHECKOUT, encoding: "utf-8", env: environment() });
}

/** Whether these modules are installed there. */
export function has(...modules: string[]): boolean {
  const code =
    "import sys; from importlib.util import find_spec; sys.exit(any(find_spec(n) is None for n in sys.argv[1:]))";
  try {
    python(code, ...modules);
    return true;
  } catch {
    return false;
  }
}

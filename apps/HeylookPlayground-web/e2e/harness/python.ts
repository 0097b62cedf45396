import { fileURLToPath } from "node:url";

export const CHECKOUT = fileURLToPath(new URL("../../../..", import.meta.url));

/** The Python whose heylook is tested; HEYLOOK_PYTHON names that of an environment with the wheel. */
export const PYTHON = process.env["HEYLOOK_PYTHON"] ?? `${CHECKOUT}/.venv/bin/python`;

/** The environment of the tests, without settings of the user's own server. */
export function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("HEYLOOK_"));
  return { ...Object.fromEntries(own), MLX_DISABLE_COMPILE: "1" };
}

import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` asks this server; HEYLOOK_URL names another one.
const server = process.env.HEYLOOK_URL ?? "http://127.0.0.1:8080";
const proxied = ["/v1", "/api", "/health", "/ready", "/metrics", "/tokenize", "/detokenize", "/openapi.json"];

export default defineConfig({
  plugins: [react()],
  base: "./",
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../../plugins/playground/heylook_playground/static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.txt" },
  },
  server: {
    port: 3000,
    strictPort: true,
    proxy: Object.fromEntries(proxied.map((path) => [path, { target: server, changeOrigin: true, ws: true }])),
  },
  test: {
    environment: "node",
    pool: "threads",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
});

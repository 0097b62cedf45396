import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ModelEntry } from "./models";
import { environment, PYTHON } from "./python";

const SERVE = fileURLToPath(new URL("serve.py", import.meta.url));
const START_SECONDS = 90;
const STOP_SECONDS = 30;
const READY_POLL_MS = 100;

export interface ServerOptions {
  models: ModelEntry[];
  defaultModel?: string;
  /** Keys of `server` in models.yaml. */
  server?: Record<string, unknown>;
  /** Further keys of models.yaml. */
  settings?: Record<string, unknown>;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/** A server in a process and a folder of its own. */
export class TestServer {
  static readonly #started = new Set<TestServer>();

  /** Without a slash at the end. */
  readonly url: string;
  readonly folder = mkdtempSync(join(tmpdir(), "heylook-playground-"));
  readonly #port: number;
  #options: ServerOptions;
  #process: ChildProcess | null = null;
  #log = "";

  private constructor(port: number, options: ServerOptions) {
    this.#port = port;
    this.#options = options;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(options: ServerOptions): Promise<TestServer> {
    const server = new TestServer(await freePort(), options);
    await server.start();
    return server;
  }

  /** Those that run, and those that ended since this was last asked for. */
  static recent(): TestServer[] {
    const recent = [...TestServer.#started];
    for (const server of recent) if (!server.#process) TestServer.#started.delete(server);
    return recent;
  }

  /** models.yaml as this server reads it at its start and at a reload. */
  configure(change: Partial<ServerOptions> = {}): void {
    this.#options = { ...this.#options, ...change };
    const { models, defaultModel, server, settings } = this.#options;
    const config = {
      ...(defaultModel ? { default_model: defaultModel } : {}),
      max_loaded_models: 8,
      models_dir: join(this.folder, "models"),
      ...settings,
      server: { port: this.#port, drain_timeout: 0.1, ...server },
      models,
    };
    writeFileSync(join(this.folder, "models.yaml"), JSON.stringify(config)); // JSON is YAML too
  }

  async start(): Promise<void> {
    this.configure();
    this.#log = "";
    const args = [SERVE, "serve", "--config", join(this.folder, "models.yaml")];
    const child = spawn(PYTHON, args, { cwd: this.folder, env: environment(), stdio: ["pipe", "pipe", "pipe"] });
    this.#process = child;
    TestServer.#started.add(this);
    const ready = new Promise<void>((resolve, reject) => {
      const hear = (piece: Buffer) => {
        this.#log += piece.toString();
        if (this.#log.includes(" is ready: ")) resolve();
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`The server ended with ${code}:\n${this.#log}`)));
      setTimeout(
        () => reject(new Error(`No server within ${START_SECONDS} s:\n${this.#log}`)),
        START_SECONDS * 1000,
      ).unref();
    });
    await ready.catch(async (error: unknown) => {
      await this.kill();
      throw error;
    });
  }

  /** Waits until its default model is loaded, so that no test waits for that in the middle. */
  async ready(): Promise<void> {
    const until = Date.now() + START_SECONDS * 1000;
    while ((await fetch(`${this.url}/ready`)).status !== 200) {
      if (Date.now() > until) throw new Error(`Not ready within ${START_SECONDS} s:\n${this.#log}`);
      await pause(READY_POLL_MS);
    }
  }

  /** Ends it as Ctrl-C does. */
  async halt(): Promise<void> {
    await this.#end("SIGINT");
  }

  /** Ends it at once, in the middle of whatever it does. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async restart(): Promise<void> {
    await this.halt();
    await this.start();
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    await this.halt();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get log(): string {
    return this.#log;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_SECONDS * 1000);
    await gone;
    clearTimeout(late);
  }
}

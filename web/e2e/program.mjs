// The real program for a test: `forecaster demo`, its database, engine and API, no fixture between.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const program = join(import.meta.dirname, "..", "..", "bin", "forecaster");

// missing is why it cannot run here, false when it can.
export const missing = existsSync(program) ? false : "bin/forecaster is not built: make build";

// play starts a demo on a database of its own and gives its address once it is ready.
export async function play(...args) {
  const state = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "surgecast-e2e-"));
  const demo = spawn(program, ["demo", "--state-dir", state, "--listen", "127.0.0.1:0", ...args], { stdio: ["ignore", "ignore", "pipe"] });
  const stop = async () => {
    const ended = demo.exitCode === null ? new Promise((r) => demo.once("exit", r)) : null;
    demo.kill("SIGINT");
    await ended;
    rmSync(state, { recursive: true, force: true });
  };
  let said = "";
  demo.stderr.on("data", (b) => (said += b));
  const ready = /ready after[^]*?http:\/\/[^\s/]*:(\d+)\s/; // it says which port it was given
  for (let i = 0; !ready.test(said); i++) {
    if (demo.exitCode !== null || i > 3000) {
      await stop();
      throw new Error(`the demo did not start: ${said}`);
    }
    await new Promise((r) => setTimeout(r, 100));
  }
  const base = `http://127.0.0.1:${ready.exec(said)[1]}`;
  return { base, stop, api: async (path) => (await fetch(base + path)).json() };
}

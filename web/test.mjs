// Runs the unit tests beside the sources: Vite turns them into JavaScript, node:test runs them.

import { readdirSync } from "node:fs";
import { createServer } from "vite";

const vite = await createServer({ configFile: false, root: import.meta.dirname, logLevel: "error", server: { middlewareMode: true, hmr: false, ws: false }, appType: "custom", optimizeDeps: { noDiscovery: true } });
for (const name of readdirSync(new URL("./src", import.meta.url)).filter((n) => n.endsWith(".test.ts"))) {
  await vite.ssrLoadModule(`/src/${name}`);
}
await vite.close(); // every module is loaded; the tests run on without it

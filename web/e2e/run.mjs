// npm run e2e: the browser tests, or the reason why they cannot run here. Ends with one summary line.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { find } from "./browser.mjs";

const here = import.meta.dirname;
const missing = !find()
  ? "no Chromium on this machine: install Debian's package chromium, or set SURGECAST_CHROMIUM to a browser"
  : !existsSync(join(process.env.SURGECAST_DIST ?? join(here, "..", "dist"), "index.html"))
    ? "the dashboard is not built: npm run build"
    : "";
if (missing) {
  console.log(`browser tests skipped: ${missing}`);
  console.log("e2e: 0 passed, 0 failed, 1 skipped");
  process.exit(0);
}

const count = { passed: 0, failed: 0, skipped: 0 };
const files = readdirSync(here).filter((n) => n.endsWith(".test.mjs")).map((n) => join(here, n));
const events = run({ files, concurrency: 2, timeout: 3_600_000 }); // of a file: a machine busy with other things takes its time
const leaf = (e) => e.details?.type !== "suite" && !files.includes(e.name);
events.on("test:pass", (e) => leaf(e) && (e.skip === undefined ? count.passed++ : count.skipped++));
events.on("test:fail", (e) => leaf(e) && count.failed++);
events.compose(new spec()).pipe(process.stdout);
events.on("end", () => {
  process.exitCode = count.failed > 0 ? 1 : 0;
  process.on("exit", () => console.log(`e2e: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`));
});

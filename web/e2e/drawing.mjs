// The server's own drawing of a page, for the tests: made by the package that serves it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

const go = spawnSync("go", ["version"]).status === 0;
export const skip = go ? false : "there is no Go toolchain to draw the pages with";

// draw hands the documents to the package's own Draw, through a test that writes what it drew.
export function draw(page, doc) {
  const done = spawnSync("go", ["test", "-v", "-count=1", "-run", "^TestDrawnForBrowser$", "."], {
    cwd: new URL("..", import.meta.url), encoding: "utf8", maxBuffer: 1 << 26,
    env: { ...process.env, SURGECAST_DRAW: JSON.stringify({ page, doc }) },
  });
  const m = /<!doctype html>[\s\S]*<\/html>/.exec(done.stdout);
  assert.ok(m, done.stdout.slice(0, 2000) + done.stderr.slice(0, 2000));
  return m[0];
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromWall, wall } from "./setupwall";

const utc = (s: string) => Date.parse(s);

test("a wall-clock time and its instant", () => {
  assert.equal(fromWall("2026-09-24T15:30", "Europe/Berlin"), utc("2026-09-24T13:30:00Z"));
  assert.equal(wall(utc("2026-09-24T13:30:00Z"), "Europe/Berlin"), "2026-09-24T15:30");
  assert.equal(fromWall("2026-01-05T00:15", "Asia/Kathmandu"), utc("2026-01-04T18:30:00Z"));
  assert.ok(Number.isNaN(fromWall("24.9.2026 15:30", "UTC")));
  assert.ok(Number.isNaN(fromWall("2026-13-41T15:30", "UTC")));
});

// Fails when fromWall takes the offset of the day before only.
test("on the days clocks change", () => {
  assert.equal(fromWall("2026-10-25T02:30", "Europe/Berlin"), utc("2026-10-25T00:30:00Z")); // the first of two
  assert.equal(fromWall("2026-10-25T03:30", "Europe/Berlin"), utc("2026-10-25T02:30:00Z"));
  assert.equal(fromWall("2026-03-29T02:30", "Europe/Berlin"), utc("2026-03-29T01:30:00Z")); // skipped: 03:30 CEST
  assert.equal(fromWall("2026-03-29T04:00", "Europe/Berlin"), utc("2026-03-29T02:00:00Z"));
});

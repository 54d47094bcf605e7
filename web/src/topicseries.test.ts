import assert from "node:assert/strict";
import { test } from "node:test";
import { amount, perMinute, series, type SourceMentions, timesUsual } from "./topicseries";

const minute = 60_000;
const from = Date.parse("2026-09-24T12:00:00Z");
const iso = (i: number) => new Date(from + i * minute).toISOString();
const source = (raw: (number | null | undefined)[], step = 60): SourceMentions => ({
  source: "a", kind: "posts", step_seconds: step, simulated: false, recent: { raw: null, organic: null, authors: null },
  points: raw.flatMap((r, i) => (r === undefined ? [] : [{ at: iso((i * step) / 60), raw: r, organic: r === null ? null : r / 2, authors: r === null ? null : r / 4 }])),
}); // prettier-ignore

// Fails when series() counts an absent minute as zero, or joins over it.
test("a minute that is not there, or that is missing, is a hole and never zero", () => {
  const s = series(source([4, undefined, null, 8, 2]), from, from + 5 * minute, from + 5 * minute);
  assert.deepEqual(s.values.raw, [4, null, null, 8, 2]);
  assert.deepEqual(s.gaps, [{ from: from + minute, to: from + 3 * minute }]);
  assert.equal(s.since, null);
  assert.equal(s.through, null);
});

test("what a source says is missing at the end is a gap; what has not come yet is no gap", () => {
  const said = series(source([4, 4, null, null, null]), from, from + 5 * minute, from + 20 * minute);
  assert.deepEqual(said.gaps, [{ from: from + 2 * minute, to: from + 5 * minute }]);
  const soonSaid = series(source([4, 4, null]), from, from + 3 * minute, from + 3 * minute);
  assert.deepEqual(soonSaid.gaps, []); // a minute late is not lost
  assert.equal(said.through, null);
  const late = series(source([4, 4]), from, from + 20 * minute, from + 20 * minute);
  assert.deepEqual(late.gaps, []);
  assert.equal(late.through, from + 2 * minute);
  const soon = series(source([4, 4]), from, from + 4 * minute, from + 4 * minute);
  assert.equal(soon.through, null);
});

test("longer buckets are means of what was counted", () => {
  const s = series(source([2, 4, null, undefined, 6, null, null, null, null, null, 8]), from, from + 15 * minute, from + 15 * minute, 5);
  assert.deepEqual(s.values.raw, [4, null, 8]);
  const hourly = series(source([30, 50], 3600), from, from + 120 * minute, from + 120 * minute);
  assert.equal(hourly.unit, "an hour");
  assert.deepEqual(hourly.values.raw, [30, 50]);
});

test("a source that began later says since when", () => {
  const s = series(source([undefined, undefined, undefined, 5, 6]), from, from + 5 * minute, from + 5 * minute);
  assert.equal(s.since, from + 3 * minute);
  assert.deepEqual(s.gaps, []);
});

test("amounts and times are said as the sentences say them", () => {
  assert.deepEqual([0, 0.04, 2.44, 9.96, 38.2, 1484, null].map(amount), ["0", "0", "2.4", "10", "38", "1,480", "–"]);
  assert.deepEqual([57.6, 1, 0.9, 0.02].map(perMinute), ["58 mentions a minute", "1 mention a minute", "54 mentions an hour", "1 mention an hour"]);
  assert.deepEqual([null, 1.1, 1.5, 2, 6.2, 46.4, 123].map(timesUsual), ["", "as usual", "half as much again as usual", "twice the usual", "×6 usual", "×46 usual", "×120 usual"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { abbreviation, actBy, clock, day, full, offset, ticks, when } from "./zone";

const berlin = "Europe/Berlin";
const noon = Date.parse("2026-09-24T12:20:00Z");

test("times are on the site's wall clock, 24 hours", () => {
  assert.equal(clock(noon, berlin), "14:20");
  assert.equal(clock(Date.parse("2026-09-24T22:00:00Z"), berlin), "00:00");
  assert.equal(abbreviation(noon, berlin), "CEST");
  assert.equal(offset(noon, berlin), "UTC+2");
  assert.equal(offset(noon, "UTC"), "UTC");
  assert.equal(full(noon, berlin), "Thu 24 Sep 14:20 CEST (12:20 UTC)");
  assert.equal(clock(noon, "No/Where"), "12:20"); // a zone the browser does not know: UTC
});

test("another day is said as the sentences say it", () => {
  const h = 3_600_000;
  assert.equal(when(noon + 2 * h, noon, berlin), "16:20");
  assert.equal(when(noon + 10 * h, noon, berlin), "tomorrow 00:20");
  assert.equal(when(noon - 15 * h, noon, berlin), "yesterday 23:20");
  assert.equal(when(noon + 48 * h, noon, berlin), "Sat 14:20");
  assert.equal(when(noon + 8 * 24 * h, noon, berlin), "2 Oct 14:20");
  assert.equal(day(noon, berlin), "Thu 24 Sep");
});

test("act-by is cut to the minute, and to five minutes when over two hours away", () => {
  const now = "2026-09-24T12:20:00Z";
  const cut = (at: string) => new Date(actBy({ act_by: at, now })).toISOString().slice(11, 19);
  assert.equal(cut("2026-09-24T12:41:59Z"), "12:41:00");
  assert.equal(cut("2026-09-24T14:19:30Z"), "14:19:00");
  assert.equal(cut("2026-09-24T15:09:30Z"), "15:05:00");
  assert.ok(Number.isNaN(actBy({ act_by: null, now })));
});

test("ticks follow the wall clock through a clock change", () => {
  // 25 Oct 2026, 03:00 CEST becomes 02:00 CET at 01:00 UTC: two o'clock comes twice, an hour apart.
  const from = Date.parse("2026-10-24T23:30:00Z");
  const at = ticks(from, from + 4 * 3_600_000, 60, berlin).map((t) => `${clock(t, berlin)} ${abbreviation(t, berlin)}`);
  assert.deepEqual(at, ["02:00 CEST", "02:00 CET", "03:00 CET", "04:00 CET"]);
});

test("ticks of a zone at half an hour stand on its own hours", () => {
  const from = Date.parse("2026-09-24T12:00:00Z");
  assert.deepEqual(ticks(from, from + 2 * 3_600_000, 60, "Asia/Kolkata").map((t) => clock(t, "Asia/Kolkata")), ["18:00", "19:00"]);
});

// Fails when actBy reads act_by in recovery too: "98 minutes left" beside "Hold 6 units for now".
test("on the way down there is no decision to count down to", () => {
  const doc = { act_by: "2026-11-22T17:06:00Z", now: "2026-11-22T15:27:00Z" };
  assert.ok(Number.isNaN(actBy({ ...doc, state: "recovery" })));
  assert.equal(actBy({ ...doc, state: "alert" }), Date.parse(doc.act_by));
});

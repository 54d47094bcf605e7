import assert from "node:assert/strict";
import { test } from "node:test";
import { addDays, dayBounds, instantsOf, wallTime } from "./calendar";

const iso = (t: number) => new Date(t).toISOString();

// Fails when: instantsOf looks at one side of the change only.
test("an hour that comes twice has two instants, one left out has none", () => {
  assert.deepEqual(instantsOf("2026-10-25", "02:30", "Europe/Berlin").map(iso), ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z"]);
  assert.deepEqual(instantsOf("2026-03-29", "02:30", "Europe/Berlin"), []);
  assert.deepEqual(instantsOf("2026-09-24", "15:30", "Europe/Berlin").map(iso), ["2026-09-24T13:30:00.000Z"]);
  assert.deepEqual(instantsOf("2026-09-24", "15:30", "Pacific/Auckland").map(iso), ["2026-09-24T03:30:00.000Z"]);
  assert.deepEqual(instantsOf("2026-09-24", "25:00", "UTC"), []);
});

test("a day has 25, 23 or 24 hours", () => {
  const hours = (day: string, zone: string) => {
    const [a, b] = dayBounds(day, zone);
    return (b - a) / 3_600_000;
  };
  assert.equal(hours("2026-10-25", "Europe/Berlin"), 25);
  assert.equal(hours("2026-03-29", "Europe/Berlin"), 23);
  assert.equal(hours("2026-09-24", "America/New_York"), 24);
  assert.equal(hours("2026-09-06", "America/Santiago"), 23); // its clocks change at midnight
  assert.equal(iso(dayBounds("2026-09-06", "America/Santiago")[0]), "2026-09-06T04:00:00.000Z");
});

test("days are counted on the calendar, times are read as people type them", () => {
  assert.equal(addDays("2026-10-31", 1), "2026-11-01");
  assert.equal(addDays("2026-03-01", -1), "2026-02-28");
  for (const [typed, want] of [["9:05", "09:05"], ["0905", "09:05"], ["9.05", "09:05"], ["15", "15:00"], ["24:00", ""], ["9:61", ""], ["soon", ""]] as const) { // prettier-ignore
    assert.equal(wallTime(typed), want, typed);
  }
});

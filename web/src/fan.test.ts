import assert from "node:assert/strict";
import { test } from "node:test";
import type { Forecast } from "./documents";
import { capacityAt, fan, levelTicks, nearest, scale } from "./fan";

const at = (m: number) => new Date(Date.parse("2026-09-24T12:00:00Z") + m * 60_000).toISOString();

function doc(change: Partial<Forecast> = {}): Forecast {
  return {
    site: "s", name: "S", simulated: false, now: at(10), origin: at(9), issued_at: at(10), valid_until: at(25), stale: false, forecast_id: "f",
    model_version: "m", step_seconds: 60, levels: [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975],
    points: [{ at: at(10), lead_minutes: 1, quantiles_rpm: [1, 2, 3, 4, 5, 6, 7] }],
    history: [{ at: at(8), requests_rpm: 100 }, { at: at(9), requests_rpm: null }],
    gaps: [{ from: at(5), to: at(7) }], capacity_rpm: 1200, capacity_history: [], time_zone: "UTC", ...change,
  }; // prettier-ignore
}

test("a level the forecast does not keep stays empty: 5 % is never drawn as 2.5 %", () => {
  const f = fan(doc());
  assert.deepEqual(f.quantiles.map((q) => q[3]), [null, 2, 3, 4, 5, 6, 7]);
});

test("a gap is a hole, even where the history leaves its minutes out", () => {
  assert.deepEqual(fan(doc()).observed, [null, 100, null, null]); // 12:05 of the gap, 12:08, 12:09, 12:10
});

test("the scale has room for 1.15 × capacity, and cuts a tail beyond 3 × it", () => {
  assert.deepEqual(scale(fan(doc()), 1200), { top: 1380, clipped: null });
  const wild = fan(doc({ points: [{ at: at(10), lead_minutes: 1, quantiles_rpm: [1, 2, 3, 4, 5, 6, 8900] }] }));
  assert.deepEqual(scale(wild, 1200), { top: 3600, clipped: 8900 });
  assert.equal(Math.round(scale(fan(doc()), 1200, 2600).top), 2912); // 1.12 × recommended
  assert.equal(scale(fan(doc()), 1200, 26000).top, 1380); // too far away to be shown
});

test("ticks are round and few", () => {
  assert.deepEqual(levelTicks(1380), [0, 250, 500, 750, 1000, 1250]);
  assert.deepEqual(levelTicks(2756), [0, 500, 1000, 1500, 2000, 2500]);
  for (let top = 1; top < 1e7; top *= 1.37) {
    const n = levelTicks(top).length;
    assert.ok(n >= 4 && n <= 7, `${top}: ${n}`);
  }
});

test("capacity is a step function; from now on it is what the forecast was judged against", () => {
  const d = doc({ capacity_history: [{ at: at(0), capacity_rpm: 800 }, { at: at(5), capacity_rpm: 1000 }] });
  assert.deepEqual([-5, 4, 5, 9, 10, 60].map((m) => capacityAt(d, Date.parse(at(m)))), [800, 800, 1000, 1000, 1200, 1200]);
  assert.equal(capacityAt(doc({ capacity_rpm: null }), 0), null);
});

test("nearest finds the nearest", () => {
  assert.deepEqual([0, 14, 16, 99].map((t) => nearest([0, 10, 20, 30], t)), [0, 1, 2, 3]);
});

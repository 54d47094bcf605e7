import assert from "node:assert/strict";
import { test } from "node:test";
import { countOver, peakDots, timeDots } from "./dots";

test("the first breaches are counted where they came: a level may be rounded onto the capacity", () => {
  assert.equal(countOver([1000, 1200, 1300], [10, 20, null], 1200), 2);
  assert.equal(countOver([1000, 1200, 1300], [], 1200), 1);
});

test("peak dots stand on the side of the line they are counted on", () => {
  // Levels 0..2000 on 100 px: y = 100 − level/20; capacity 1,200 at y 40. Two over, one of them exactly on it.
  const y = (level: number) => 100 - level / 20;
  const dots = peakDots([1000, 1190, 1200, 1500], 2, y, 40, 0, 100, 60, 10);
  assert.equal(dots.filter((d) => d.over).length, 2);
  for (const d of dots) assert.equal(d.over, d.y < 40, JSON.stringify(d));
});

test("no dot leaves the plot or overlaps another", () => {
  const levels = Array.from({ length: 20 }, (_, i) => 500 + i * 500); // the highest is far above the top
  const y = (level: number) => Math.max(0, 100 - level / 20);
  const dots = peakDots(levels, 18, y, 40, 0, 100, 60, 10);
  assert.equal(dots.length, 20);
  const seen = new Set<string>();
  for (const d of dots) {
    assert.ok(d.y > 0 && d.y < 100 && d.x > 0 && d.x < 60, JSON.stringify(d));
    seen.add(`${d.x.toFixed(3)} ${d.y.toFixed(3)}`);
  }
  assert.equal(seen.size, 20);
});

test("12 of 20 within the window leave 8 in the box", () => {
  const minutes = Array.from({ length: 20 }, (_, k) => (k < 12 ? 25 + 3 * k : null));
  const { dots, not } = timeDots(minutes, (m) => 10 * m, 600, 40);
  assert.equal(dots.length, 12);
  assert.equal(not, 8);
  for (const d of dots) assert.ok(d.x < 600);
});

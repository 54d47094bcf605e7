import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, grouped, minutesLeft, money, range, rate, shortLeft, shownPercent, significant } from "./number";

test("ranges are rounded outwards to two digits", () => {
  assert.equal(range(1059, 1641), "1,000–1,700");
  assert.equal(range(610, 710), "610–710"); // already two digits: nothing moves
  assert.equal(significant(1050, 2, -1), 1000);
  assert.equal(significant(0.29, 2), 0); // nothing is more exact than a whole request
});

test("tables show three digits, and a dash for what is not known", () => {
  assert.equal(rate(1234.5), "1,230");
  assert.equal(rate(7.4), "7");
  assert.equal(rate(0), "0");
  assert.equal(rate(null), "–");
  assert.equal(grouped(1234567), "1,234,567");
});

test("chances: whole percent below 5 and above 95, else steps of 5", () => {
  const cases: [number, string][] = [
    [0.004, "under 1 %"], [0.02, "2 %"], [0.044, "4 %"], [0.046, "5 %"], [0.074, "5 %"], [0.076, "10 %"],
    [0.6, "60 %"], [0.624, "60 %"], [0.95, "95 %"], [0.954, "95 %"], [0.957, "96 %"], [0.985, "99 %"], [0.995, "over 99 %"],
  ]; // prettier-ignore
  for (const [p, want] of cases) assert.equal(shownPercent(p).text, want, String(p));
});

test("the countdown goes down in whole minutes", () => {
  assert.equal(minutesLeft(21 * 60_000), "21 minutes");
  assert.equal(minutesLeft(21 * 60_000 - 400), "21 minutes"); // the page took 0.4 s
  assert.equal(minutesLeft(20.9 * 60_000), "20 minutes");
  assert.equal(minutesLeft(60_000), "1 minute");
  assert.equal(minutesLeft(30_000), "less than a minute");
  assert.equal(minutesLeft(185 * 60_000), "3 h 5 min");
  assert.equal(shortLeft(21 * 60_000), "21 min");
  assert.equal(shortLeft(59_000 - 999), "< 1 min");
});

test("ages and money", () => {
  assert.equal(ago(12_900), "12 s");
  assert.equal(ago(7 * 60_000), "7 min");
  assert.equal(ago(-5), "0 s"); // a clock a little ahead is no future
  assert.equal(money(543, "EUR", 2), "€540");
  assert.equal(money(12, "no currency", 2), "12 no currency");
});

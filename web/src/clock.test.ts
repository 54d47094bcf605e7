import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerClock } from "./clock";

test("the server's time is carried on at the server's speed", () => {
  let watch = 0;
  const c = new ServerClock(() => watch);
  assert.ok(Number.isNaN(c.now())); // before its first word nothing is known
  c.set(1_000_000, 60);
  watch += 500; // half a second of ours is 30 s of a replay at 60 ×
  assert.equal(c.now(), 1_030_000);
  c.set(2_000_000); // a document corrects the time and keeps the speed
  watch += 1000;
  assert.equal(c.now(), 2_060_000);
});

// Fails when set counts a word that says the same moment again, or silent does not ask for the speed.
test("a server whose time stands still is silent, and its next word ends that", () => {
  let watch = 0;
  const c = new ServerClock(() => watch);
  assert.ok(!c.silent); // before its first word there is nothing to be silent about
  c.set(0, 60);
  watch = 20_000;
  c.set(0, 60); // the line is open, and the time the same
  watch = 36_000;
  assert.ok(c.silent);
  c.set(60_000, 60);
  assert.ok(!c.silent);
  watch = 80_000;
  assert.ok(c.silent);
  c.listen();
  assert.ok(!c.silent);
  c.set(120_000, 0.001); // a clock that hardly moves is not late
  watch += 60_000;
  assert.ok(!c.silent);
});

test("held, it stands; resumed, it goes on from there", () => {
  let watch = 0;
  const c = new ServerClock(() => watch);
  c.set(0, 10);
  watch = 100;
  c.hold();
  watch = 5000;
  assert.equal(c.now(), 1000);
  c.resume();
  watch = 5100;
  assert.equal(c.now(), 2000);
});

// Fails when now carries a virtual clock on for as long as nothing is heard: "updated 12 min ago" while a demo learns.
test("a virtual clock is not carried on for long without a word", () => {
  let watch = 0;
  const c = new ServerClock(() => watch);
  c.set(0, 60);
  watch = 15_000;
  assert.equal(c.now(), 120_000);
  c.set(0, 1); // the clock on the wall goes on by itself
  watch += 15_000;
  assert.equal(c.now(), 15_000);
});

// The server-drawn pages, in a browser with script switched off. Where there is no Go they are
// skipped with that reason.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { draw, skip } from "./drawing.mjs";
import * as fixtures from "./fixtures.mjs";
import { axe, bareTimes, closeBrowser, open } from "./page.mjs";

after(closeBrowser);

for (const state of ["simulated", "nodata", "calm", "unknowncapacity"]) {
  test(`drawn site, ${state}: same words, axe clean in light, dark and 390 px, works without script`, { skip }, async () => {
    const drawn = draw("site", { risk: fixtures.risk(state), forecast: fixtures.forecast(state), capacity: fixtures.capacity(state) });
    for (const view of ["light", "phone"]) {
      await open({ state, path: "/drawn", view, drawn, ready: false }, async (page) => {
        assert.equal(await page.locator("#headline").innerText(), fixtures.states[state].headline);
        assert.equal(await page.locator(".verdict p").first().innerText(), fixtures.states[state].sentence);
        assert.equal((await page.title()).startsWith("[simulated]"), state === "simulated");
        assert.equal(await page.locator("svg.fan circle.over").count(), state === "simulated" ? 12 : 0);
        assert.equal(await page.locator("svg.fan circle:not(.over)").count(), state === "simulated" ? 8 : 0);
        await page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
        assert.deepEqual(await bareTimes(page), []);
        await axe(page);
        await page.emulateMedia({ colorScheme: "dark" });
        await axe(page);
      });
    }
    await open({ state, path: "/drawn", drawn, ready: false, context: { javaScriptEnabled: false } }, async (page) => {
      assert.ok(await page.locator("#headline").isVisible());
    });
  });
}

test("drawn overview: the list, axe clean", { skip }, async () => {
  const drawn = draw("overview", fixtures.worklist("alert"));
  for (const view of ["light", "phone"]) {
    await open({ path: "/drawn", view, drawn, ready: false }, async (page) => {
      assert.equal(await page.locator("tbody tr").count(), 14);
      assert.deepEqual(await bareTimes(page), []);
      await axe(page);
    });
  }
});

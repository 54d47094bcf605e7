// Words on the chart stand where nothing runs through them, on a phone too.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, open } from "./page.mjs";

after(closeBrowser);

// struck is what runs through the words of the chart: now, the flag, a dot under a count.
function struck(page) {
  return page.evaluate(() => {
    const box = (e) => e.getBoundingClientRect();
    const out = [];
    for (const words of document.querySelectorAll(".overlay .capacity")) {
      const w = box(words);
      for (const line of document.querySelectorAll(".overlay line.now, .overlay line.actby")) {
        const x = box(line).x + box(line).width / 2;
        if (x > w.left + 1 && x < w.right - 1) out.push(`${words.textContent}: ${line.getAttribute("class")}`);
      }
    }
    for (const words of document.querySelectorAll(".overlay .count")) {
      const w = box(words);
      for (const dot of document.querySelectorAll(".overlay .dot")) {
        const d = box(dot);
        if (d.right > w.left + 1 && d.left < w.right - 1 && d.bottom > w.top + 3 && d.top < w.bottom - 3) out.push(`${words.textContent}: a dot`);
      }
    }
    return [document.querySelectorAll(".overlay .capacity, .overlay .count").length, out];
  });
}

// Peaks that all lie near the top of the chart stand in long rows there.
const high = (name, body) => (name === "risk" ? { ...body, peak_dots_rpm: body.peak_dots_rpm.map((_, i) => 2180 - i) } : body);

// Fails when: label takes its first place whatever runs through it (chart.ts), or a count stays at its end of the gutter.
for (const view of ["light", "phone"]) {
  for (const [state, edit] of [["alert"], ["past"], ["over"], ["recovery"], ["over", high]]) {
    test(`nothing runs through the words: ${state}${edit ? " with high peaks" : ""}, ${view}`, () =>
      open({ state, view }, async (page, server) => {
        if (edit) {
          server.served.edit = edit;
          await page.reload();
          await page.waitForSelector("main.ready");
        }
        const [words, found] = await struck(page);
        assert.ok(words > 0, "no words on the chart");
        assert.deepEqual(found, []);
      }));
  }
}

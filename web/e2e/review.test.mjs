// Reviews and one review: the good, the missed and the false alarm stand there alike; the numbers are the
// API's; the file and the print carry them out.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { review, surges } from "./hindsight.mjs";
import { axe, bareTimes, closeBrowser, everyLook, open, openDetails, overflow, quiet } from "./page.mjs";

after(closeBrowser);

// Fails when reviews.ts leaves out a surge whose review is not flattering.
test("the list shows misses and false alarms like the good ones, newest first", () =>
  open({ path: "/reviews" }, async (page) => {
    await page.waitForFunction(() => document.querySelectorAll(".went").length === 4);
    assert.deepEqual(await page.locator(".went").allInnerTexts(), ["open", "good", "missed", "false"].map((k) => review(k).headline));
    const links = await page.locator(".reviewhead a").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
    assert.deepEqual(links, ["/reviews/srg_open", "/reviews/srg_good", "/reviews/srg_missed", "/reviews/srg_false"]);
    assert.match(await page.locator(".reviewhead").nth(1).innerText(), /Nordlicht Tickets, Sun 20 Sep, 09:12–12:15/);
    assert.match(await page.locator(".reviewhead").first().innerText(), /still open/);
    assert.deepEqual(await bareTimes(page), []);
    await axe(page);
    await page.emulateMedia({ colorScheme: "dark" });
    await axe(page);
    await page.setViewportSize({ width: 320, height: 700 });
    assert.equal(await overflow(page), 0);
  }));

test("no surges yet", () =>
  open({ path: "/reviews", surges: [] }, async (page) => {
    assert.match(await page.locator("main").innerText(), /No surges yet\./);
    await axe(page);
  }));

for (const kind of Object.keys(surges)) {
  test(`${kind}: the server's words, and an accessible page`, () =>
    open({ path: `/reviews/srg_${kind}` }, async (page) => {
      const r = review(kind);
      await page.waitForSelector(".saidline strong");
      assert.equal(await page.locator("h1").count(), 1);
      assert.equal(await page.locator("#review-headline").innerText(), r.headline);
      assert.deepEqual(await page.locator(".sentences li").allInnerTexts(), r.sentences);
      assert.equal(await page.locator(".rulestable tbody tr").count(), r.rules.length);
      assert.match(await page.locator(".receipt").innerText(), new RegExp(r.receipt.last_hash));
      assert.match(await page.locator(".receipt").innerText(), /0 rows broken/);
      for (const t of r.transitions) assert.ok((await page.locator(".story").innerText()).includes(t.sentence), "the words of then");
      assert.equal((await page.locator(".chips").innerText()).includes("Still open"), kind === "open");
      await openDetails(page);
      await everyLook(page);
    }));
}

test("the slider steps through what was said, and the bands are those of then", () =>
  open({ path: "/reviews/srg_good" }, async (page, server) => {
    await page.waitForSelector(".saidline strong");
    const slider = page.locator("#said");
    assert.match(await slider.getAttribute("aria-valuetext"), /^09:32, 50 %, Add 5 units by 09:58\.$/); // the one of the alert
    const before = server.asked.filter((p) => p.endsWith("/forecast")).length;
    await slider.focus();
    await page.keyboard.press("Home");
    assert.match(await slider.getAttribute("aria-valuetext"), /^08:52, /);
    await page.waitForFunction(() => document.querySelectorAll(".legend li").length >= 6);
    await page.waitForTimeout(300); // a second request would come after the pause of the slider
    assert.equal(server.asked.filter((p) => p.endsWith("/forecast")).length, before + 1);
    assert.match(new URL(page.url()).searchParams.get("said"), /^2026-09-20T06:52:00Z$/);
    await page.keyboard.press("PageUp");
    assert.match(await slider.getAttribute("aria-valuetext"), /^09:32, /);
    assert.match(await page.locator(".saidline").innerText(), /Forecast of 09:32\s+◆\s*Alert 50 % within 1 h: Add 5 units by 09:58\. 11 of \d+/);
  }));

test("a gap is a gap, and minutes of a full site are marked as lower bounds", async () => {
  await open({ path: "/reviews/srg_good" }, async (page) => {
    await page.waitForSelector(".legend");
    assert.match(await page.locator(".legend").innerText(), /no data/);
    assert.ok((await page.locator(".overlay").textContent()).includes("no data 11:22–11:36"));
    assert.match(await page.locator(".reviewverdict").innerText(), /14 minutes without data: left out of every score\./);
  });
  await open({ path: "/reviews/srg_missed" }, async (page) => {
    await page.waitForSelector(".legend");
    assert.match(await page.locator(".legend").innerText(), /at least this much: the site was full/);
  });
});

// Fails when savefile.ts lets a cell begin with = + - or @.
test("the file holds the shown table, and no cell of it is a formula", () =>
  open({ path: "/reviews/srg_good", state: "simulated" }, async (page) => {
    await page.waitForSelector(".rulestable");
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
    assert.match(file.suggestedFilename(), /^review-nordlicht-\d+-simulated\.csv$/);
    const lines = readFileSync(await file.path(), "utf8").trimEnd().split("\r\n");
    assert.equal(lines[0], "rule,asked before,minutes over,lost requests (est.),unit-hours,most units,cost,data");
    assert.equal(lines[1], "this service,37 min,0,0,15.2,13,€8,simulated");
    assert.equal(lines[2], 'reactive,0 min,34,"18,200",10.1,13,€369,simulated');
    assert.match(lines[4], /^'=static 99\.9 %,/);
    const shown = await page.locator(".rulestable tbody tr").evaluateAll((rows) => rows.map((r) => r.children.length));
    assert.equal(lines.length - 1, shown.length);
  }));

test("print: light, one or two pages, no navigation, nothing cut", () =>
  open({ path: "/reviews/srg_good", view: "dark" }, async (page) => {
    await page.waitForSelector(".rulestable");
    await quiet(page);
    const pdf = await page.pdf({ format: "A4" });
    const pages = pdf.toString("latin1").match(/\/Type\s*\/Page[^s]/g)?.length ?? 0;
    assert.ok(pages >= 1 && pages <= 2, `${pages} pages`);
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    await page.setViewportSize({ width: 680, height: 960 }); // the width of A4 between its margins
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).color), "rgb(20, 32, 43)");
    assert.equal(await page.locator(".bar nav a:visible").count(), 1);
    assert.equal(await page.getByRole("button", { name: "Print" }).isVisible(), false);
    assert.equal(await page.evaluate(() => [...document.querySelectorAll(".scroll")].filter((e) => e.scrollWidth > e.clientWidth + 1).length), 0, "no cell is cut");
    const out = await page.evaluate(() => [...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.textContent));
    assert.deepEqual(out, [], "nothing stands out of the paper");
    assert.match(await page.locator(".made").innerText(), /^Generated Thu 24 Sep 14:20 CEST \(12:20 UTC\)\. Times are in Europe\/Berlin\.$/);
  }));

test("a surge that is not here", () =>
  open({ path: "/reviews/srg_none", expect: ["404"] }, async (page) => {
    assert.equal(await page.locator("h1").innerText(), "No such surge");
    await axe(page);
  }));

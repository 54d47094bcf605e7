// Pages that stay open: an hour of the demo's time, at its own speed, with real server-sent events, through the rise
// of the surge. What a page keeps of the past must not add up.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, patience, views } from "./browser.mjs";
import { missing, play } from "./program.mjs";

const minute = 60_000;
// More than a page's changing content needs (dots, a surge's rows, a longer ladder), less than what a minute would add
// if it stayed: a copy of the site's documents each minute is 3 MB in the hour, a listener a minute 55.
const most = { heap: 1.5e6, nodes: 900, listeners: 25 };
const paths = ["/sites/nordlicht-tickets", "/", "/topics/nordlicht-tour", "/check?q=nordlicht-tour&site=nordlicht-tickets", "/plan?site=nordlicht-tickets"];

let demo, browser;

before(async () => {
  if (missing) return;
  demo = await play();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

// The least of some looks: a page drawn anew each second may hold what it has just replaced, a table of a thousand
// nodes, between the collection and the look. What stays is there every time.
async function weigh(page, cdp) {
  const least = { heap: Infinity, nodes: Infinity, listeners: Infinity };
  for (let look = 0; look < 6; look++) {
    for (let i = 0; i < 3; i++) await cdp.send("HeapProfiler.collectGarbage");
    const { metrics } = await cdp.send("Performance.getMetrics");
    const of = (name) => metrics.find((m) => m.name === name).value;
    const now = { heap: of("JSHeapUsedSize"), nodes: of("Nodes"), listeners: of("JSEventListeners") };
    for (const k of Object.keys(least)) least[k] = Math.min(least[k], now[k]);
    await page.waitForTimeout(150);
  }
  return least;
}

// Fails when load() of sitepage.ts does `addEventListener("resize", () => this.render())`, or keeps each risk document
// in an array.
test("a page that is open for an hour of the demo does not grow", { skip: missing }, async (t) => {
  const now = async () => Date.parse((await demo.api("/v1/sites")).now);
  const pages = [];
  for (const path of paths) {
    const context = await browser.newContext(views.light);
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    let events = 0;
    page.on("response", (r) => r.url().includes("/v1/") && events++);
    await page.goto(demo.base + path);
    await page.waitForSelector("main.ready");
    await page.evaluate(() => document.querySelectorAll("details:not(.menu)").forEach((d) => (d.open = true)));
    const cdp = await context.newCDPSession(page);
    await cdp.send("Performance.enable");
    await cdp.send("HeapProfiler.enable");
    pages.push({ path, page, cdp, asked: () => events });
  }
  const began = await now();
  const reach = async (at) => {
    while ((await now()) < began + at * minute) await new Promise((r) => setTimeout(r, 250));
  };
  await reach(5);
  for (const p of pages) p.first = { ...(await weigh(p.page, p.cdp)), asked: p.asked() };
  await reach(60);
  for (const p of pages) {
    const last = await weigh(p.page, p.cdp);
    const grown = Object.fromEntries(Object.keys(last).map((k) => [k, last[k] - p.first[k]]));
    const asked = p.asked() - p.first.asked;
    t.diagnostic(`${p.path}: heap ${(p.first.heap / 1e6).toFixed(2)} → ${(last.heap / 1e6).toFixed(2)} MB, nodes ${p.first.nodes} → ${last.nodes}, listeners ${p.first.listeners} → ${last.listeners}; ${asked} answers read`);
    assert.ok(asked >= 3, `${p.path} was asleep: it read ${asked} answers`);
    for (const k of Object.keys(most)) assert.ok(grown[k] <= most[k], `${p.path}: ${k} grew by ${grown[k]}, at most ${most[k]}`);
  }
});

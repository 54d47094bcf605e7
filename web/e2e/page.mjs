// What every test does with a page: open it on a server of its own, watch it for errors and for requests
// to other hosts, and look at it with axe.

import assert from "node:assert/strict";
import AxeBuilder from "@axe-core/playwright";
import { serve } from "./server.mjs";
import { launch, patience, views } from "./browser.mjs";

let browser;
const asking = new WeakMap(); // by page: what it has asked the API and has no answer to yet

export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}

// open gives (page, server) to what, and closes both. A page that logged an error, threw, or asked another
// host has failed whatever else it did.
export async function open({ state = "alert", path = "/sites/nordlicht", view = "light", context = {}, ready = true, ...options }, what) {
  browser ??= await launch();
  const server = await serve(state, options);
  const c = await browser.newContext({ timezoneId: "America/New_York", locale: "en-US", reducedMotion: "reduce", ...views[view], ...context });
  const page = await c.newPage();
  page.setDefaultTimeout(patience);
  const wrong = [];
  page.on("console", (m) => m.type() === "error" && wrong.push(m.text()));
  page.on("pageerror", (e) => wrong.push(e.message));
  page.on("request", (r) => new URL(r.url()).origin !== server.url && wrong.push(`asked ${r.url()}`));
  const open = new Set();
  asking.set(page, open);
  page.on("request", (r) => /\/v1\/(?!live)/.test(r.url()) && open.add(r));
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (r) => open.delete(r));
  try {
    await page.goto(server.url + path);
    if (ready) await page.waitForSelector("main.ready");
    await what(page, server);
    assert.deepEqual(wrong.filter((w) => !(options.expect ?? []).some((e) => w.includes(e))), []);
  } finally {
    await c.close();
    await server.close();
  }
}

// frames lets the page draw twice: what a change of size or an event in the queue brings stands there then.
function frames(page) {
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))));
}

// quiet waits until the page has the answers to all it asked, and has shown them. What it asks only after a pause in
// typing is waited for by its effect.
export async function quiet(page) {
  const open = asking.get(page);
  for (let still = 0; still < 3; still = open.size === 0 ? still + 1 : 0) {
    while (open.size > 0) await page.waitForTimeout(20);
    await frames(page);
  }
}

// openDetails opens every details, and waits for what stands in them; the table of the chart only where it is asked
// for, because its hundred rows are alike and an audit of them takes longer than all the rest.
export async function openDetails(page, table = true) {
  await page.evaluate((table) => document.querySelectorAll("details").forEach((d) => (d.open = table || !d.matches(".twin"))), table);
  await quiet(page);
}

export async function axe(page) {
  // Violations in full, of the rest one node each: an audit of a long table is quick that way.
  const found = await new AxeBuilder({ page }).options({ resultTypes: ["violations"] }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]).analyze();
  assert.deepEqual(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(" | ")}`), []);
  // An audit that looked at nothing would be clean too.
  assert.ok(found.passes.length > 10, `axe ran ${found.passes.length} rules`);
}

// bareTimes are clock times outside <time>. The picture of the chart is hidden from readers and excepted,
// and so are the labels of zones and form fields.
export function bareTimes(page) {
  return page.evaluate(() => {
    const out = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let n = walk.nextNode(); n; n = walk.nextNode()) {
      const e = n.parentElement;
      if (/\b\d{1,2}:\d{2}\b/.test(n.data) && !e.closest("time, [aria-hidden=true] svg, svg, script, style")) out.push(n.data);
    }
    return out;
  });
}

// overflow is by how much the page is wider than its window, once it is laid out in it: a chart is drawn anew for its
// width, a frame later.
export async function overflow(page) {
  await page.waitForFunction((width) => innerWidth === width, page.viewportSize().width);
  await frames(page);
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

// everyLook: no bare times, and accessible in light, dark and on a phone, with nothing cut at 390 and 320 px.
export async function everyLook(page) {
  assert.deepEqual(await bareTimes(page), []);
  await axe(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await axe(page);
  await page.setViewportSize({ width: 390, height: 844 });
  assert.equal(await overflow(page), 0, "390 px");
  await axe(page);
  await page.setViewportSize({ width: 320, height: 700 });
  assert.equal(await overflow(page), 0, "320 px");
}

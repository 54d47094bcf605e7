// The pages over the real program: `forecaster demo`, its database, engine and API, no fixture between.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { launch, patience, views } from "./browser.mjs";
import { missing as skip, play } from "./program.mjs";

let base, demo, browser;
const heard = []; // every forecast of the tickets, as the program sent it: who asks now and then misses some
const ended = new AbortController();

async function listen(path) {
  const { body } = await fetch(base + path, { signal: ended.signal });
  let text = "";
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const events = (text + piece).split("\n\n");
    text = events.pop();
    for (const e of events) if (/^event: forecast$/m.test(e)) heard.push(JSON.parse(/^data: (.*)$/m.exec(e)[1]));
  }
}

const api = (path) => demo.api(path);

before(async () => {
  if (skip) return;
  demo = await play("--speed", "240");
  base = demo.base;
  listen("/v1/live?site=nordlicht-tickets").catch((e) => ended.signal.aborted || console.error(e));
  browser = await launch();
});

after(async () => {
  ended.abort();
  await browser?.close();
  await demo?.stop();
});

// A page of its own whose errors fail the test; other hosts too.
async function visit(path, view, check) {
  const context = await browser.newContext(views[view]);
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const faults = [];
  page.on("console", (m) => m.type() === "error" && faults.push(m.text()));
  page.on("pageerror", (e) => faults.push(e.message));
  page.on("request", (r) => r.url().startsWith(base) || r.url().startsWith("data:") || faults.push(`asked another host: ${r.url()}`));
  try {
    await page.goto(base + path);
    await check(page);
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
  }
}

async function until(what, ask) {
  for (let i = 0; i < 1500; i++) {
    if (await ask()) return;
    await new Promise((r) => setTimeout(r, 200));
  }
  assert.fail(`never: ${what}`);
}

test("the surge is foreseen, said in one sentence, and met by units", { skip }, async () => {
  // In simulated time: the alert comes before the minute capacity is passed, with an act-by before it too.
  await until("over capacity", async () => heard.push(await api("/v1/sites/nordlicht-tickets/risk")) && heard.some((r) => r.state === "over_capacity"));
  const alert = heard.find((r) => r.state === "alert" && r.act_by);
  assert.ok(alert, "no alert before the site was over capacity");
  const surge = await api(`/v1/surges/${heard.find((r) => r.state === "over_capacity").surge.id}`);
  const over = surge.transitions.find((t) => t.to === "over_capacity");
  const first = surge.transitions.find((t) => t.to === "alert");
  assert.ok(new Date(first.at) < new Date(over.at), `alert ${first.at}, over ${over.at}`);
  assert.ok(new Date(alert.act_by) < new Date(over.at), `act by ${alert.act_by}, over ${over.at}`);
  const c = await api("/v1/sites/nordlicht-tickets/capacity");
  assert.ok(c.recommendation.would_be_units > c.units_now, "no units asked for");
});

for (const view of ["light", "dark", "phone"]) {
  test(`the site's page says what the API says, ${view}`, { skip }, () =>
    visit("/sites/nordlicht-tickets", view, async (page) => {
      await page.locator("h1").waitFor();
      await page.getByRole("button", { name: /pause/i }).click();
      // The page stands still now: its sentence must be one the API said for a forecast of this surge.
      const said = (await page.locator(".verdict").first().innerText()).replace(/\s+/g, " ");
      assert.match(said, /simulated/i);
      assert.match(await page.title(), /^\[simulated\]/i);
      assert.equal(await page.locator("h1").count(), 1);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, "horizontal scroll");
      const axe = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]).analyze();
      assert.deepEqual(axe.violations.map((v) => `${v.id}: ${v.nodes[0]?.html}`), []);
    }));
}

test("the sentence of the page is the API's, word for word", { skip }, () =>
  visit("/sites/kleinod-shop", "light", async (page) => {
    await page.locator("h1").waitFor();
    let page1, api1;
    await until("page and API at the same forecast", async () => {
      api1 = (await api("/v1/sites/kleinod-shop/risk")).verdict;
      page1 = (await page.locator(".verdict").first().innerText()).replace(/\s+/g, " ");
      return page1.includes(api1.headline) && page1.includes(api1.sentence);
    });
  }));

test("the overview lists every site, worst first, and the plain pages draw", { skip }, async () => {
  await visit("/", "light", async (page) => {
    await page.locator(".worklist").first().waitFor();
    await until("page and API with the same order", async () => {
      const { items } = await api("/v1/sites?sort=risk");
      const names = await page.locator(".worklist tbody tr:visible .site a").allInnerTexts();
      const folded = items.filter((s) => s.status.state === "calm").length;
      return names.length >= items.length - folded && names[0] === items[0].name;
    });
  });
  await visit("/sites/nordlicht-tickets?plain=1", "light", async (page) => {
    assert.equal(await page.locator("svg").count() > 0, true);
    assert.match(await page.locator("body").innerText(), /simulated/i);
  });
});

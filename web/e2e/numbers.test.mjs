// Every number a page shows is one the API said, after the rounding rule: a page that reckons by itself would show
// figures nobody answers for. Each page is opened over the fixture server; what it read is turned into the words that
// may stand on it; whatever else looks like a number, or a time, is a fault. Axes and pictures are left out: their
// twins, the slider's words and the tables, are not.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { draw, skip } from "./drawing.mjs";
import { states } from "./fixtures.mjs";
import { review } from "./hindsight.mjs";
import { closeBrowser, open, quiet } from "./page.mjs";

after(closeBrowser);

// The rounding rules (UX 3), written anew: with the pages' own functions a wrong one would be right.
const grouped = (x) => Math.round(x).toString().replace(/\B(?=(\d{3})+$)/g, ",");
const digits = (x, d, round = Math.round) => (x === 0 ? 0 : round(Number((x / 10 ** Math.max(0, Math.floor(Math.log10(Math.abs(x))) + 1 - d)).toFixed(9))) * 10 ** Math.max(0, Math.floor(Math.log10(Math.abs(x))) + 1 - d));
const percent = (p) => (p < 0.01 ? "1" : p > 0.99 ? "99" : p < 0.045 || p > 0.955 ? String(Math.round(100 * p)) : String(Math.min(95, Math.max(5, 5 * Math.round(20 * p)))));

const figure = /\d+(?:,\d{3})*(?:\.\d+)?/g;

// Words of the pages themselves, no figures of anybody: windows to choose from, what bands and dots are, hints of forms.
const furniture = [
  /19 of 20|19 in 20|4 of 5|half the time|16 (in|of) 20|20 equally likely/g, /\b(1|6|24|48) h\b/g, /\b24 hours\b/g, /[−+]5/g, /3 waves/g, /last 5 minutes/g, /next 6 h\b/g,
  /at most 5 MB/g, /within (a day|1 h|6 h|24 h)/g, /\(2 minutes\)|\(10 seconds\)/g, /32 characters/g, /Three letters/g, /20 % is usual/g, /a–z, 0–9/g, /\b19 of 20 are faster\b/g, /95 in 100/g, /\b0: (no cap|not judged)/g,
  /UTC[+−]\d+/g, /\b0 rows broken/g, /of the last 20/g,
]; // prettier-ignore

// said collects what the API's documents allow to be shown: numbers as the rules round them, and what stands in words.
function said(documents, zone, now) {
  const words = new Set();
  const times = new Set();
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone });
  const utc = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
  const dayOf = new Intl.DateTimeFormat("en-GB", { day: "numeric", timeZone: zone });
  const time = (ms) => {
    for (const to of [60_000, 300_000]) times.add(clock.format(Math.floor(ms / to) * to)), times.add(utc.format(Math.floor(ms / to) * to));
    words.add(dayOf.format(ms)).add(String(new Date(ms).getUTCFullYear()));
    const apart = Math.abs(ms - now) / 60_000; // "21 minutes left", "updated 7 min ago"
    for (const m of [Math.floor(apart), Math.ceil(apart)]) words.add(String(m)).add(String(Math.floor(m / 60))).add(String(m % 60)).add(String(Math.floor(m / 1440)));
  };
  const text = (s) => {
    for (const t of s.match(/\b\d{1,2}:\d{2}\b/g) ?? []) times.add(t);
    for (const n of s.replace(/\d{1,2}:\d{2}/g, " ").match(figure) ?? []) words.add(n);
  };
  const number = (x, key) => {
    if (!Number.isFinite(x)) return;
    const add = (...all) => all.forEach((s) => words.add(String(s)));
    add(x, grouped(x), grouped(digits(x, 3)));
    for (const round of [Math.floor, Math.round, Math.ceil]) add(grouped(digits(x, 2, round)));
    if (/probability|share|coverage|shown_value/.test(key)) add(percent(x), Math.round(100 * x), 5 * Math.round(20 * x), Math.floor(100 * x), Math.ceil(100 * x), (100 * x).toFixed(2)); // the last for engineers
    if (key === "shown_value") add(Math.round(x / 5), 20 - Math.round(x / 5)); // as many dots, and the others
    if (/rpm|requests/.test(key)) add(Math.round(x / 6) / 10, (x / 60).toFixed(1), grouped(x / 60)); // a second
    if (/mentions|raw|organic|authors|times_usual|wql|skill|share|hours|vs_/.test(key)) add(Math.round(10 * x) / 10, x.toFixed(2), x.toFixed(1));
    if (/seconds/.test(key)) add(Math.round(x / 60), Math.floor(x / 60));
  };
  const walk = (v, key = "") => {
    if (typeof v === "number") number(v, key);
    else if (typeof v === "string") {
      if (/^\d{4}-\d\d-\d\dT/.test(v)) time(Date.parse(v));
      else text(v);
    } else if (Array.isArray(v)) {
      words.add(String(v.length));
      v.forEach((x) => walk(x, key));
    } else if (v && typeof v === "object") {
      if (v.through && v.since) for (const d of [60_000, 3_600_000, 86_400_000]) words.add(String(Math.floor((Date.parse(v.through) - Date.parse(v.since)) / d))); // how long it was counted
      if (v.origin && v.verdict?.horizon_minutes) time(Date.parse(v.origin) + (v.verdict.horizon_minutes + 1) * 60_000); // the end of the window
      if (v.origin) for (const b of v.time_to_breach ?? []) if (b.minutes !== null) time(Date.parse(v.origin) + (b.minutes + 1) * 60_000), words.add(String(Math.round(20 * b.probability)));
      for (const [k, x] of Object.entries(v)) walk(x, k);
    }
  };
  documents.forEach((d) => walk(d));
  return { words, times };
}

// shown is what stands on the page, block by block; pictures, fields and what nobody sees are left out.
function shown(page) {
  return page.evaluate(() => {
    const out = [];
    const walk = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    const blocks = new Map();
    for (let n = walk.nextNode(); n; n = walk.nextNode()) {
      const e = n.parentElement;
      if (n.data.trim() === "" || e.closest("svg, canvas, option, select, textarea, script, style, code, .axis, .overlay, .sr, [hidden]") || !e.checkVisibility()) continue;
      const block = e.closest("p, li, td, th, h1, h2, h3, dt, dd, label, summary, figcaption, caption, legend, button, div, section");
      blocks.set(block, (blocks.get(block) ?? "") + n.data);
    }
    for (const [b, words] of blocks) out.push({ words, bands: b.closest(".twin, .readout, .reading, .talk") !== null });
    return out;
  });
}

const pages = {
  ...Object.fromEntries(Object.keys(states).map((s) => [`site, ${s}`, { state: s }])),
  overview: { path: "/", desk: true },
  ...Object.fromEntries(["gift", "both", "threat", "small", "unlinked", "unknown", "watching", "nodata", "old"].map((a) => [`check, ${a}`, { path: "/check?q=nordlicht-tour&site=nordlicht", desk: true, answer: a }])),
  topics: { path: "/topics", desk: true },
  topic: { path: "/topics/nordlicht-tour", desk: true },
  "topic, copied": { path: "/topics/nordlicht-tour", desk: true, talk: "copied" },
  plan: { path: "/plan?site=nordlicht" },
  reviews: { path: "/reviews" },
  ...Object.fromEntries(["good", "missed", "false"].map((k) => [`review, ${k}`, { path: `/reviews/srg_${k}` }])),
  ...Object.fromEntries(["sites", "capacity", "feeds", "webhooks", "keys", "public"].map((t) => [`setup, ${t}`, { path: `/setup?tab=${t}`, desk: true }])),
};

// Fails when: timesUsual in topicseries.ts shows 1.37 times its figure, with one decimal. A figure as small as many
// others, a 3 for a 2, is told apart by the tests of its page, not here.
for (const [name, options] of Object.entries(pages)) {
  test(`${name}: every number and every time is the API's`, () =>
    open({ ...options, ready: false }, async (page) => {
      const documents = [];
      const bands = [];
      const waiting = new Set(); // answers that are asked for, or being read
      const ours = (r) => r.url().includes("/v1/") && !r.url().includes("/v1/live");
      const read = async () => {
        do await quiet(page);
        while (waiting.size > 0);
      };
      // The page is opened a second time with an ear on what it reads.
      page.on("request", (r) => ours(r) && waiting.add(r));
      page.on("requestfailed", (r) => waiting.delete(r));
      page.on("response", async (r) => {
        if (!ours(r)) return;
        const body = await r.json().catch(() => null);
        (/\/(forecast|mentions)$/.test(new URL(r.url()).pathname) ? bands : documents).push(body);
        waiting.delete(r.request());
      });
      await page.reload();
      await page.waitForSelector("main.ready");
      await read();
      await page.evaluate(() => document.querySelectorAll("details:not(.menu)").forEach((d) => (d.open = true)));
      await read();
      // First what is seen, then what was read: an answer that came between the two would be missing from the documents.
      const blocks = await shown(page);
      await read();
      const now = documents.map((d) => Date.parse(d?.now ?? "")).find(Number.isFinite) ?? Number.NaN;
      const zone = "Europe/Berlin";
      const rest = said(documents, zone, now);
      // Of the course itself only when it began, what was configured, and where it has gaps may stand elsewhere.
      const headOf = bands.map((f) => ({ ...f, points: [], history: [], quantiles_rpm: [], sources: (f?.sources ?? []).map((s) => ({ source: s.source, recent: s.recent })) }));
      const head = said(headOf, zone, now);
      const all = said(bands, zone, now);
      assert.ok(blocks.length > 3, "the page is empty");
      const wrong = [];
      for (const b of blocks) {
        let words = b.words;
        for (const f of furniture) words = words.replace(f, " ");
        const has = (kind, x) => rest[kind].has(x) || head[kind].has(x) || (b.bands && all[kind].has(x));
        for (const t of words.match(/\b\d{1,2}:\d{2}\b/g) ?? []) if (!has("times", t)) wrong.push(`${t} in “${b.words.trim()}”`);
        for (const n of words.replace(/\d{1,2}:\d{2}/g, " ").match(figure) ?? []) if (!has("words", n)) wrong.push(`${n} in “${b.words.trim()}”`);
      }
      assert.deepEqual(wrong, []);
    }));
}

const berlin = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/Berlin" });
const none = (x, words) => (x === null ? "–" : words(x));

// Being among the figures the API gave is not enough where many are alike: in a review each stands beside its own field.
const ownOf = {
  "asked before": (r) => none(r.warning_minutes, (x) => `${grouped(x)} min`),
  "minutes over": (r) => grouped(r.minutes_over),
  "lost requests (est.)": (r) => none(r.lost_requests, (x) => grouped(digits(x, 3))),
  "unit-hours": (r) => none(r.unit_hours, (x) => String(Number(x.toPrecision(3)))),
  "most units": (r) => grouped(r.peak_units),
  cost: (r) => none(r.cost, (x) => `€${grouped(digits(x, 3))}`),
};

// Fails when rules.ts shows minutes_over + 1, or the column of another field.
for (const kind of ["good", "missed", "false"]) {
  test(`review, ${kind}: each figure is its own field's`, () =>
    open({ path: `/reviews/srg_${kind}`, ready: false }, async (page) => {
      await page.waitForSelector(".saidline strong");
      const r = review(kind);
      const costs = r.rules.some((x) => x.cost !== null);
      const rows = await page.locator(".rulestable tbody tr").evaluateAll((all) => all.map((tr) => [tr.querySelector("th").innerText, ...[...tr.querySelectorAll("td")].map((td) => [td.dataset.label, td.innerText])]));
      assert.deepEqual(rows, r.rules.map((x) => [x.rule, ...Object.entries(ownOf).filter(([k]) => costs || k !== "cost").map(([k, f]) => [k, f(x)])]));
      const heads = await page.locator(".rulestable thead th").allInnerTexts();
      assert.deepEqual(heads.slice(1), rows[0].slice(1).map(([k]) => k), "a column is called what its cells are");
      const story = await page.locator(".story li").evaluateAll((all) => all.map((li) => [li.querySelector("time").innerText, li.innerText]));
      assert.equal(story.length, r.transitions.length);
      for (const [i, t] of r.transitions.entries()) {
        assert.equal(story[i][0], berlin.format(Date.parse(t.issued_at)));
        assert.ok(story[i][1].includes(`${percent(t.probability)} %. ${t.headline}`) && story[i][1].includes(t.sentence), story[i][1]);
      }
      const receipt = await page.locator(".receipt dl").evaluate((dl) => Object.fromEntries([...dl.querySelectorAll("dt")].map((dt) => [dt.innerText, dt.nextElementSibling.innerText.replaceAll("\n", "")])));
      assert.deepEqual(receipt, { "first forecast": r.receipt.first_id, "last forecast": r.receipt.last_id, "its hash": r.receipt.last_hash, model: r.receipt.model_versions.join(", "), seal: r.receipt.seal_versions.map((v) => `version ${v}`).join(", "), surge: r.surge.id });
      const left = (await page.locator("main").innerText()).match(/(\d+) minutes without data/)?.[1] ?? "0";
      assert.equal(left, String(r.missing_minutes));
    }));
}

// The public page is drawn by the server. Fails when drawn.html shows when the site was busy first for when it was
// looked at last, or drawstatus.go lets any other figure on it.
const busy = {
  site: "nordlicht", name: "Nordlicht Tickets", word: "Very busy", sentence: "Pages may be slow or refuse to load. Most likely normal again by 16:40. Next update 15:30.", words: "Orders already confirmed are safe.",
  since: "2026-09-24T12:03:00Z", reference: "NT-20260924-1", updated_at: "2026-09-24T12:20:00Z", time_zone: "Europe/Berlin", simulated: false, expected_rpm: 1480, capacity_rpm: 1200,
}; // prettier-ignore

test("status: the server's words, the minute they were made, and no other figure", { skip }, () =>
  open({ path: "/drawn", drawn: draw("status", busy), ready: false }, async (page) => {
    const lines = (await page.locator("main").innerText()).split("\n").filter((l) => l.trim() !== "");
    const every = /every (\d+) seconds/.exec(lines.at(-1))?.[1];
    const renews = /content="(\d+)"/.exec(await page.content())?.[1];
    assert.equal(every, renews, "it renews itself as often as it says");
    assert.deepEqual(lines, [busy.name, busy.word, busy.sentence, busy.words, `When you ask us, please quote ${busy.reference}.`, `Updated ${berlin.format(Date.parse(busy.updated_at))}, ${busy.time_zone}. This page renews itself every ${every} seconds.`]);
  }));

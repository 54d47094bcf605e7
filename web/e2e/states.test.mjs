// The Site page in every state, at one fixed minute.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { states } from "./fixtures.mjs";
import { axe, bareTimes, closeBrowser, open, openDetails, overflow } from "./page.mjs";

after(closeBrowser);

const words = {
  calm: "Calm", watch: "Watch", alert: "Alert", past: "Alert", over: "Over capacity", recovery: "Recovery", nodata: "Unknown", stale: "Alert",
  learning: "Learning", unknowncapacity: "Unknown", failing: "Failing", simulated: "Alert",
};

for (const [name, s] of Object.entries(states)) {
  test(`${name}: the API's words, letter by letter, and an accessible page`, () =>
    open({ state: name }, async (page) => {
      assert.equal(await page.locator("h1").count(), 1);
      assert.equal(await page.locator("h1").innerText(), "Nordlicht Tickets");
      assert.equal(await page.locator("#headline").innerText(), s.headline);
      assert.equal(await page.locator("#sentence").innerText(), s.sentence);
      assert.deepEqual(await page.locator("#sentence + .note:visible").allInnerTexts(), s.was ? [s.was] : []);
      assert.equal(await page.locator("figcaption .sr").textContent(), s.sentence);
      assert.ok((await page.locator(".chips .badge").innerText()).endsWith(words[name]), "the state is a word");
      assert.equal((await page.title()).startsWith("[simulated]"), s.simulated === true);
      assert.equal(await page.locator(".chip.simulated").count(), s.simulated ? 1 : 0);
      assert.equal(await page.locator(".stripe").isVisible(), s.simulated === true);
      assert.deepEqual(await bareTimes(page), []);
      await openDetails(page, name === "alert");
      assert.deepEqual(await bareTimes(page), []);
      await axe(page);
      await page.emulateMedia({ colorScheme: "dark" });
      await axe(page);
    }));

  test(`${name}: on a phone`, () =>
    open({ state: name, view: "phone" }, async (page) => {
      await openDetails(page, name === "alert");
      assert.equal(await overflow(page), 0, "390 px");
      await axe(page);
      await page.setViewportSize({ width: 320, height: 700 });
      assert.equal(await overflow(page), 0, "320 px");
    }));
}

// Promise of the chart: percentage, sentence and both kinds of dots tell one number. Fails when chart.ts
// counts a hollow dot as over, or firstbreach.ts drops one.
for (const name of ["watch", "alert", "past", "recovery", "simulated"]) {
  test(`${name}: dots equal the percentage`, () =>
    open({ state: name }, async (page) => {
      const n = Math.round(states[name].percent / 5);
      const count = (s) => page.locator(s).count();
      assert.equal(await count(".overlay circle.over"), n);
      assert.equal(await count(".overlay circle:not(.over)"), 20 - n);
      assert.equal(await count(".axis circle.over"), n);
      assert.equal(await count(".notbox circle"), 20 - n);
      if (name === "alert") assert.ok((await page.locator(".times").innerText()).includes("12 pass it by 15:20, 8 do not."));
    }));
}

for (const name of ["calm", "nodata", "unknowncapacity", "learning"]) {
  test(`${name}: under 5 %, or not known, no dots`, () =>
    open({ state: name }, async (page) => {
      assert.equal(await page.locator(".overlay circle, .notbox circle").count(), 0);
      assert.equal(await page.locator(".times").isVisible(), false);
    }));
}

test("the countdown is the server's, and stands still where it cannot be trusted", async () => {
  await open({ state: "alert" }, async (page) => assert.equal(await page.locator(".countdown").innerText(), "21 minutes left"));
  await open({ state: "stale" }, async (page) => assert.equal(await page.locator(".countdown").innerText(), "act by 14:41"));
  await open({ state: "past" }, async (page) => assert.equal(await page.locator(".countdown").innerText(), ""));
  await open({ state: "calm" }, async (page) => assert.equal(await page.locator(".countdown").innerText(), ""));
});

test("the slider speaks the minute it stands on, by minute and by ten", () =>
  open({ state: "alert" }, async (page) => {
    const slider = page.locator("#cursor");
    const said = () => slider.getAttribute("aria-valuetext");
    await slider.focus();
    assert.match(await said(), /^14:20 · half the time [\d,]+–[\d,]+ · 19 in 20: [\d,]+–[\d,]+ · capacity 1,200$/);
    await page.keyboard.press("ArrowRight");
    assert.match(await said(), /^14:21 · half the time/);
    await page.keyboard.press("PageUp");
    assert.match(await said(), /^14:31 · half the time/);
    await page.keyboard.press("PageDown");
    await page.keyboard.press("PageDown");
    assert.match(await said(), /^14:11 · [\d,]+ observed · capacity 1,200$/);
    for (let i = 0; i < 3; i++) await page.keyboard.press("PageDown");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    assert.equal(await said(), "13:38 · no data · capacity 1,200"); // a gap is missing, never zero
    assert.equal(await page.locator(".readout").innerText(), await said());
    await page.keyboard.press("Home");
    assert.match(await said(), /^13:30 ·/);
    await page.keyboard.press("End");
    assert.match(await said(), /^15:20 ·/);
    assert.equal(new URL(page.url()).searchParams.get("at"), "2026-09-24T13:20Z");
  }));

test("the table says what the chart shows", () =>
  open({ state: "alert" }, async (page) => {
    await page.locator(".twin summary").click();
    const row = (t) => page.locator(".twin tr", { has: page.locator(`time:text-is("${t}")`) });
    assert.match(await row("14:10").innerText(), /^14:10\s+[\d,]+\s+–\s+–\s+–\s+–\s+–\s+–\s+–\s+1,200$/);
    const ahead = (await row("15:00").innerText()).split(/\s+/);
    assert.equal(ahead[1], "–");
    const bounds = ahead.slice(2, 9).map((x) => Number(x.replace(",", "")));
    assert.deepEqual(bounds, [...bounds].sort((a, b) => a - b), "the bounds rise");
    assert.match(await row("13:37").innerText(), /^13:37\s+–/);
  }));

test("the hours shown are in the address, and a copied address shows the same", async () => {
  let address = "";
  await open({ state: "alert" }, async (page) => {
    const pressed = () => page.locator(".choice [aria-pressed=true]").innerText();
    assert.equal(await pressed(), "1 h");
    await page.getByRole("button", { name: "24 h" }).click();
    assert.equal(await pressed(), "24 h");
    await page.locator("#zone").selectOption("UTC");
    assert.match(await page.locator(".caveats").innerText(), /Times in these sentences are in Europe\/Berlin/);
    address = new URL(page.url()).search;
  });
  assert.equal(address, "?range=24h&zone=UTC");
  await open({ state: "alert", path: `/sites/nordlicht${address}` }, async (page) => {
    assert.equal(await page.locator(".choice [aria-pressed=true]").innerText(), "24 h");
    assert.equal(await page.locator("#zone").inputValue(), "UTC");
    assert.match(await page.locator("#cursor").getAttribute("aria-valuetext"), /^12:20 ·/);
  });
});

test("by keyboard alone every control is reached, with a visible ring that nothing covers", () =>
  open({ state: "alert", view: "phone" }, async (page) => {
    await page.evaluate(() => document.querySelector(".engineers").setAttribute("open", ""));
    const want = await page.locator("a[href]:visible, button:visible, select:visible, input:visible, summary:visible, [tabindex='0']:visible").count();
    const seen = new Set();
    for (let i = 0; i < want + 5; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const e = document.activeElement;
        if (!e || e === document.body) return null;
        const r = e.getBoundingClientRect();
        const pin = document.querySelector(".pinned");
        const top = pin && !pin.hidden ? pin.getBoundingClientRect().top : innerHeight;
        const s = getComputedStyle(e);
        return {
          name: `${e.tagName} ${e.id} ${e.className} ${e.textContent.slice(0, 30)}`,
          ring: s.outlineStyle !== "none" && Number.parseFloat(s.outlineWidth) >= 2,
          covered: !e.classList.contains("skip") && r.height < 300 && r.bottom > top + 1,
        };
      });
      if (!at) break;
      seen.add(at.name);
      assert.ok(at.ring, `no focus ring on ${at.name}`);
      assert.ok(!at.covered, `${at.name} is under the pinned line`);
    }
    assert.ok(seen.size >= want, `reached ${seen.size} of ${want}: ${[...seen].join("; ")}`);
  }));

test("print is light, on A4, and cuts nothing", () =>
  open({ state: "simulated", view: "dark" }, async (page) => {
    const pdf = await page.pdf({ format: "A4" });
    assert.ok(pdf.length > 20_000, `${pdf.length} bytes`);
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(245, 247, 250)");
    assert.ok(await page.locator(".stripe").isVisible(), "the word Simulated is printed");
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  }));

test("forced colours and reduced motion: words, shapes and lines stay", () =>
  open({ state: "alert", context: { forcedColors: "active", reducedMotion: "reduce" } }, async (page) => {
    assert.ok(await page.locator(".chips .badge").isVisible());
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.querySelector(".badge")).borderTopStyle), "none");
  }));

test("a site that is not here", () =>
  open({ path: "/sites/nowhere", expect: ["404"] }, async (page) => {
    assert.equal(await page.locator("h1").innerText(), "No site called nowhere here");
    assert.match(await page.locator(".banner").innerText(), /There is no site nowhere\. Reference ref-2\./);
    await axe(page);
  }));

test("the API reference is served from here, under its policy", () =>
  open({ path: "/docs", ready: false }, async (page) => {
    await page.waitForSelector(".swagger-ui .opblock");
  }));

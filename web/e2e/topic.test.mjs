// Topics and one topic, feed by feed.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { mentions } from "./desk.mjs";
import { axe, bareTimes, closeBrowser, open, openDetails, overflow } from "./page.mjs";

after(closeBrowser);

const path = "/topics/nordlicht-tour";

for (const [name, o] of Object.entries({ usual: {}, copied: { talk: "copied" }, uncounted: { talk: "uncounted", answer: "unknown" }, simulated: { talk: "simulated", answer: "simulated" }, old: { answer: "old" } })) {
  for (const view of ["light", "phone"]) {
    test(`topic, ${name}, ${view}: accessible, and nothing is cut`, () =>
      open({ desk: true, path, view, ...o }, async (page) => {
        assert.equal(await page.locator("h1").count(), 1);
        assert.equal((await page.title()).startsWith("[simulated]"), name === "simulated");
        assert.equal(await page.locator(".stripe").isVisible(), name === "simulated");
        await openDetails(page, name === "usual");
        assert.deepEqual(await bareTimes(page), []);
        await axe(page);
        await page.emulateMedia({ colorScheme: "dark" });
        await axe(page);
        assert.equal(await overflow(page), 0);
        await page.setViewportSize({ width: 320, height: 700 });
        assert.equal(await overflow(page), 0, "320 px");
      }));
  }
}

for (const [name, o] of Object.entries({ some: {}, none: { topics: "none" } })) {
  test(`topics, ${name}: accessible in light, dark and on a phone`, () =>
    open({ desk: true, path: "/topics", ...o }, async (page) => {
      await axe(page);
      await page.emulateMedia({ colorScheme: "dark" });
      await axe(page);
      await page.setViewportSize({ width: 390, height: 800 });
      assert.equal(await overflow(page), 0);
      await axe(page);
      await page.setViewportSize({ width: 320, height: 800 });
      assert.equal(await overflow(page), 0, "320 px");
      assert.deepEqual(await bareTimes(page), []);
      assert.equal(await page.locator(".lead").innerText(), name === "some" ? "2 topics are counted." : "Nothing is counted yet.");
    }));
}

// Fails when topicchart.ts draws on over a value that is not there, or series() makes it zero.
test("a gap is drawn as a gap: every line breaks there, and words say so", () =>
  open({ desk: true, path }, async (page) => {
    const chart = page.locator(".talk", { hasText: "Mastodon (example.social)" });
    for (const kind of ["organic", "raw", "authors"]) {
      const d = await chart.locator(`.talkplot .talkline.${kind}`).getAttribute("d");
      assert.equal(d.match(/M/g).length, 2, `${kind} has two strokes: before and after`);
      const xs = [...d.matchAll(/[ML]([\d.]+) /g)].map((m) => Number(m[1]));
      const steps = xs.slice(1).map((x, i) => x - xs[i]);
      const widest = Math.max(...steps);
      assert.ok(widest > 14 * Math.min(...steps), "15 minutes are left open");
    }
    assert.equal(await chart.locator(".talkplot .hatch").count(), 1);
    assert.equal(await chart.locator("figcaption").innerText(), "Not counted 13:55–14:10. Missing, not zero.");
    await chart.locator(".twin summary").click();
    const row = await chart.locator("tr", { has: page.locator("time:text-is('14:00')") }).innerText();
    assert.equal(row.replace(/\s+/g, " "), "14:00 not counted not counted not counted");
    assert.equal(await page.locator(".talk", { hasText: "Hacker News" }).locator("figcaption").innerText(), "Counts up to 14:08.");
  }));

test("three series are told apart without colour, and named", () =>
  open({ desk: true, path }, async (page) => {
    const styles = await page.evaluate(() => ["raw", "organic", "authors"].map((k) => {
      const s = getComputedStyle(document.querySelector(`.talkplot .talkline.${k}`));
      return [s.strokeDasharray, s.stroke];
    })); // prettier-ignore
    assert.equal(new Set(styles.map(([dash]) => dash)).size, 3);
    assert.equal(new Set(styles.map(([, stroke]) => stroke)).size, 1, "one hue");
    assert.match((await page.locator(".talk .legend").first().innerText()).replace(/\s+/g, " "), /raw [\d.]+ organic [\d.]+ authors [\d.]+/);
  }));

test("the slider speaks the minute, moves all feeds, and says the API's numbers", () =>
  open({ desk: true, path }, async (page) => {
    const slider = page.locator(".talk", { hasText: "Bluesky" }).locator("input[type=range]");
    const other = page.locator(".talk", { hasText: "Mastodon" }).locator("input[type=range]");
    await slider.focus();
    await page.keyboard.press("Home");
    const first = mentions("usual", 60).sources[0].points[0];
    assert.equal(await slider.getAttribute("aria-valuetext"), `13:20 · raw ${first.raw} · organic ${first.organic} · authors ${first.authors}`);
    assert.match(await other.getAttribute("aria-valuetext"), /^13:20 · raw/);
    for (let i = 0; i < 4; i++) await page.keyboard.press("PageUp");
    assert.match(await slider.getAttribute("aria-valuetext"), /^14:00 · raw/);
    assert.equal(await other.getAttribute("aria-valuetext"), "14:00 · not counted");
    await page.keyboard.press("ArrowLeft");
    assert.match(await slider.getAttribute("aria-valuetext"), /^13:59 · raw/);
  }));

test("how much, how fast, and the API's own sentence for the site it feeds", () =>
  open({ desk: true, path }, async (page) => {
    assert.deepEqual(await page.locator(".talkfacts li").allInnerTexts().then((x) => x.map((t) => t.trim())), ["×6 usual", "doubling every 9 min", "38 mentions a minute (Bluesky, last 5 minutes), usually 6 mentions a minute", "counted by 3 feeds"]);
    assert.match(await page.locator(".sentence").innerText(), /^Talk is 6 times the usual and doubling every 9 minutes\./);
    assert.equal(await page.locator("#judged").inputValue(), "nordlicht");
    await page.locator("#judged").selectOption("kleinod");
    await page.getByRole("link", { name: "Open Kleinod Shop" }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get("site"), "kleinod");
  }));

test("how talk moves is said in the API's words, once", async () => {
  await open({ desk: true, path }, async (page) => assert.equal(await page.locator(".talkmotion").isVisible(), false)); // it doubles: said at the top
  await open({ desk: true, path, answer: "small" }, async (page) => assert.equal(await page.locator(".talkmotion").innerText(), "Talk fades slowly: people pass it on."));
});

test("much copying is said, little is not", async () => {
  await open({ desk: true, path, talk: "copied" }, async (page) => {
    assert.match(await page.locator(".copying").innerText(), /^Much copying: 6[05] % of mentions are copies\. Expect fewer visits than the count suggests\.$/);
  });
  await open({ desk: true, path }, async (page) => assert.equal(await page.locator(".copying").isVisible(), false));
});

test("hours and the feed that fills the width are in the address", () =>
  open({ desk: true, path }, async (page, server) => {
    await page.getByRole("button", { name: "Larger: Bluesky" }).click();
    await page.getByRole("button", { name: "24 h" }).click();
    await page.waitForFunction(() => document.querySelectorAll(".talk").length === 3);
    assert.equal(new URL(page.url()).search, "?feed=bluesky&range=24h");
    assert.ok(server.asked.includes("/v1/topics/nordlicht-tour/mentions"));
    const [large, small] = await page.locator(".talk").evaluateAll((all) => all.map((e) => e.getBoundingClientRect().width));
    assert.ok(large > 1.8 * small);
    await page.getByRole("button", { name: "Smaller: Bluesky" }).click();
    assert.equal(new URL(page.url()).search, "?range=24h");
  }));

test("on a phone a small chart grows under a thumb", () =>
  open({ desk: true, path, view: "phone" }, async (page) => {
    const plot = page.locator(".talk .talkplot").first();
    assert.equal(Math.round((await plot.boundingBox()).height), 64);
    await plot.tap();
    assert.ok((await plot.boundingBox()).height > 200);
  }));

test("other terms start a revision; what is wrong stands at its field", () =>
  open({ desk: true, path, expect: ["422"] }, async (page, server) => {
    await page.locator("#terms > summary").click();
    const any = page.getByLabel("Any of these", { exact: true });
    assert.equal(await any.inputValue(), "nordlicht tour, #nordlichttour");
    await any.fill("x".repeat(141));
    assert.equal(await page.locator("#terms .formsaid").innerText(), "Unsaved changes.");
    await page.getByRole("button", { name: "Save terms" }).click();
    await page.locator("#terms .fielderror:visible").waitFor();
    assert.equal(await page.locator("#terms .fielderror:visible").innerText(), "The term is too long. Use at most 140 characters. Reference ref-9.");
    assert.equal(await any.getAttribute("aria-invalid"), "true");
    assert.equal(await any.evaluate((e) => e === document.activeElement), true);
    await axe(page);
    await any.fill("Nordlicht tour; \"#nordlichttour\"");
    await page.getByRole("button", { name: "Save terms" }).click();
    await page.getByText("Revision 3, counted since 14:20.").waitFor();
    assert.equal(await page.locator("#terms .formsaid").innerText(), "Saved.");
    assert.deepEqual(server.served.desk.topics[0].any, ["Nordlicht tour", "#nordlichttour"]);
    assert.deepEqual(server.served.desk.topics[0].not, ["northern lights"]);
  }));

test("a topic feeds a site and no longer; it is deleted by name only", () =>
  open({ desk: true, path }, async (page, server) => {
    await page.locator("#linkto").selectOption("kleinod");
    await page.getByRole("button", { name: "Let it feed" }).click();
    await page.getByRole("button", { name: "Remove Kleinod Shop" }).waitFor();
    assert.deepEqual(server.served.desk.links.get("kleinod"), ["nordlicht-tour"]);
    await page.getByRole("button", { name: "Remove Nordlicht Tickets" }).click();
    await page.getByRole("button", { name: "Remove Nordlicht Tickets" }).waitFor({ state: "detached" });
    await page.getByText("Delete topic …").click();
    const button = page.getByRole("button", { name: "Delete topic", exact: true });
    assert.equal(await button.isEnabled(), false);
    await page.getByLabel("Write nordlicht-tour to delete it").fill("nordlicht-tour");
    await button.click();
    await page.waitForURL("**/topics");
    assert.deepEqual(server.served.desk.topics.map((t) => t.slug), ["kleinod"]);
  }));

test("a topic is added on the list, for a site", () =>
  open({ desk: true, path: "/topics" }, async (page, server) => {
    await page.getByLabel("Any of these words").fill("#winterfest, Winter Fest");
    await page.getByLabel("Which site may it bring visits to?").selectOption("kleinod");
    await page.getByRole("button", { name: "Watch this topic" }).click();
    await page.getByRole("link", { name: "#winterfest" }).first().waitFor();
    assert.equal(await page.locator(".lead").innerText(), "3 topics are counted.");
    assert.deepEqual(server.served.desk.links.get("kleinod"), ["winterfest"]);
    assert.match(await page.locator(".formsaid").innerText(), /^Counted from now on: #winterfest\.$/);
  }));

test("no handle, text or link of a post is on the page: none is in what it asks for", () =>
  open({ desk: true, path }, async (page, server) => {
    const links = await page.locator("main a").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
    assert.deepEqual(links.filter((l) => !l.startsWith("/")), []);
    assert.deepEqual(Object.keys(mentions("usual", 5).sources[0].points[0]), ["at", "raw", "organic", "authors"]);
    assert.ok(server.asked.length > 0);
  }));

test("a topic that is not here", () =>
  open({ desk: true, path: "/topics/nowhere", expect: ["404"] }, async (page) => {
    assert.equal(await page.locator("h1").innerText(), "No topic called nowhere here");
    await axe(page);
  }));

// Check: a question, a verdict.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { answers } from "./desk.mjs";
import { axe, bareTimes, closeBrowser, open, overflow } from "./page.mjs";

after(closeBrowser);

const words = { gift: "Gift", both: "Both", threat: "Threat", small: "Not noticeable", unlinked: "Cannot tell", unknown: "Cannot tell", watching: "Cannot tell", nodata: "Cannot tell", old: "Gift", simulated: "Gift" };
const asked = "/check?q=nordlicht-tour&site=nordlicht";

for (const [name, a] of Object.entries(answers)) {
  test(`check, ${name}: the API's words, letter by letter, and an accessible page`, () =>
    open({ desk: true, answer: name, path: asked }, async (page) => {
      assert.equal(await page.locator("h1").count(), 1);
      assert.equal(await page.locator("#headline").innerText(), a.headline);
      assert.equal(await page.locator("#sentence").innerText(), a.sentence);
      assert.equal((await page.locator(".checkword .badge").innerText()).replace(/^\S+\s*/, ""), words[name]);
      assert.deepEqual(await page.locator(".caveats li").allInnerTexts(), a.caveats);
      assert.equal((await page.title()).startsWith("[simulated]"), a.simulated);
      assert.equal(await page.locator(".stripe").isVisible(), a.simulated);
      assert.equal(await page.evaluate(() => document.activeElement === document.body), true, "a link that is opened moves no focus");
      assert.deepEqual(await bareTimes(page), []);
      await axe(page);
      await page.emulateMedia({ colorScheme: "dark" });
      await axe(page);
    }));

  test(`check, ${name}: on a phone`, () =>
    open({ desk: true, answer: name, path: asked, view: "phone" }, async (page) => {
      assert.equal(await overflow(page), 0, "390 px");
      await axe(page);
      await page.setViewportSize({ width: 320, height: 700 });
      assert.equal(await overflow(page), 0, "320 px");
    }));
}

// Fails when submit() of checkpage.ts no longer says that a person asked.
test("Enter asks, the address keeps the question, and the heading of the answer has the focus", () =>
  open({ desk: true, path: "/check" }, async (page) => {
    assert.equal(await page.locator(".verdict").isVisible(), false);
    await page.locator("#q").fill("#nordlichtlive, Nordlicht tour");
    await page.locator("#site").selectOption("kleinod");
    await page.locator("#q").press("Enter");
    await page.locator("#headline").waitFor();
    await page.waitForFunction(() => document.activeElement?.id === "headline");
    const q = new URL(page.url()).searchParams;
    assert.equal(q.get("q"), "#nordlichtlive, Nordlicht tour");
    assert.equal(q.get("site"), "kleinod");
    assert.equal(await page.locator(".progress").innerText(), "");
    assert.equal(await page.getByRole("button", { name: "Check", exact: true }).isEnabled(), true);
    await page.goBack();
    await page.locator(".verdict").waitFor({ state: "hidden" });
    assert.equal(await page.locator("#q").inputValue(), "");
  }));

test("a copied link shows the same", () =>
  open({ desk: true, path: "/check?q=%23nordlichtlive&site=kleinod" }, async (page) => {
    assert.equal(await page.locator("#q").inputValue(), "#nordlichtlive");
    assert.equal(await page.locator("#site").inputValue(), "kleinod");
    assert.equal(await page.locator("#headline").innerText(), answers.gift.headline);
    assert.match(await page.locator(".counted").innerText(), /^Counted so far: Bluesky 34 min · Hacker News 30 h · X \d days, up to 13:55$/);
  }));

test("a topic nobody counts is watched with one click, feeds the site, and shows no number before it is counted", () =>
  open({ desk: true, path: "/check", answer: "unknown" }, async (page, server) => {
    await page.locator("#q").fill("\"Großes Fest\", #fest");
    await page.locator("#q").press("Enter");
    await page.getByRole("button", { name: "Watch this topic" }).click();
    await page.getByText("first answer at about").waitFor();
    const made = server.served.desk.topics.at(-1);
    assert.equal(made.slug, "grosses-fest");
    assert.deepEqual(made.any, ["Großes Fest", "#fest"]);
    assert.deepEqual(server.served.desk.links.get("nordlicht"), ["nordlicht-tour", "grosses-fest"]);
    assert.equal(await page.locator("#sentence").innerText(), answers.watching.sentence);
    assert.equal(await page.getByRole("button", { name: "Watch this topic" }).count(), 0);
    assert.equal(new URL(page.url()).searchParams.get("q"), "grosses-fest");
    assert.equal(await page.getByRole("link", { name: "See the talk, feed by feed" }).getAttribute("href"), "/topics/grosses-fest?site=nordlicht");
    assert.doesNotMatch(await page.locator(".verdict").innerText(), /visits|%/);
  }));

test("a name that is taken gets a number", () =>
  open({ desk: true, path: "/check", answer: "unknown", expect: ["409"] }, async (page, server) => {
    await page.locator("#q").fill("Kleinod");
    await page.locator("#q").press("Enter");
    await page.getByRole("button", { name: "Watch this topic" }).click();
    await page.getByText("first answer at about").waitFor();
    assert.equal(server.served.desk.topics.at(-1).slug, "kleinod-2");
  }));

test("nothing written, and a site that is gone: the words stand at the field", async () => {
  await open({ desk: true, path: "/check" }, async (page) => {
    await page.getByRole("button", { name: "Check", exact: true }).click();
    assert.equal(await page.locator("#q-e").innerText(), "Write what is being said, or a topic's name.");
    assert.equal(await page.locator("#q").getAttribute("aria-invalid"), "true");
    await axe(page);
  });
  await open({ desk: true, path: "/check", expect: ["404"] }, async (page, server) => {
    server.served.desk.sites.shift();
    await page.locator("#q").fill("x");
    await page.locator("#q").press("Enter");
    await page.locator("#q-e").waitFor();
    assert.equal(await page.locator("#q-e").innerText(), "No site \"nordlicht\". Read what stands here. Reference ref-9.");
  });
});

test("without a site the page offers one step", () =>
  open({ desk: true, path: "/check", sites: "none" }, async (page) => {
    assert.match(await page.locator("main").innerText(), /There is no site to check against yet\. Watch my site \(2 minutes\)\./);
    await axe(page);
  }));

test("news brings an open answer up to date and leaves the focus alone", () =>
  open({ desk: true, path: "/check", answer: "unknown" }, async (page, server) => {
    await page.locator("#q").fill("x");
    await page.locator("#q").press("Enter");
    await page.locator("#headline").waitFor();
    await page.locator("#q").focus();
    server.served.desk.answer = "gift";
    await page.evaluate(() => {
      const real = performance.now.bind(performance);
      performance.now = () => real() + 11_000; // eleven seconds later
    });
    await server.emit("forecast", {});
    await page.getByText(answers.gift.headline).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), "q");
  }));

test("in print the question and the answer stand, and no control", () =>
  open({ desk: true, path: asked }, async (page) => {
    await page.emulateMedia({ media: "print" });
    assert.ok(await page.locator("#headline").isVisible());
    assert.match(await page.locator(".checkword").innerText(), /“nordlicht-tour”, Nordlicht Tickets/);
    assert.equal(await page.locator(".checkform").isVisible(), false);
  }));

// Live updates, pausing, a lost connection, and signing in.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { now } from "./fixtures.mjs";
import { axe, closeBrowser, open } from "./page.mjs";

after(closeBrowser);

const headline = (page) => page.locator("#headline").innerText();

test("a forecast arrives: the page follows, and entering alert is cried out once", () =>
  open({ state: "watch" }, async (page, server) => {
    assert.equal(await headline(page), "Be ready. Decide by 16:05.");
    assert.equal(await page.locator("[role=alert]").innerText(), "");
    server.served.state = "alert";
    await server.emit("forecast", {});
    await page.locator("#headline", { hasText: "Add 7 units" }).waitFor();
    assert.equal(await page.locator("[role=alert]").innerText(), "Alert. Add 7 units by 14:41.");
    assert.match(await page.title(), /^Alert: Nordlicht Tickets/);
  }));

test("quiet updates leave focus, open details and the cursor alone", () =>
  open({ state: "alert" }, async (page, server) => {
    await page.getByText("Why alert?").click();
    await page.locator("#cursor").focus();
    await page.keyboard.press("PageUp");
    const said = await page.locator("#cursor").getAttribute("aria-valuetext");
    server.served.edit = (name, body) => {
      if (name === "capacity") body.recommendation.cost_waiting = 990;
      return body;
    };
    await server.emit("forecast", {});
    await page.getByText("€990").first().waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), "cursor");
    assert.equal(await page.locator("#cursor").getAttribute("aria-valuetext"), said);
    assert.ok(await page.locator(".because").isVisible());
  }));

// Fails when pause() in shell.ts leaves the stream open.
test("pausing stops updates, and says since when", () =>
  open({ state: "watch" }, async (page, server) => {
    const button = page.getByRole("button", { name: "Pause live updates" });
    await server.listeners(1);
    await button.click();
    const resume = page.getByRole("button", { name: "Resume live updates" });
    assert.equal(await resume.innerText(), "Resume");
    await server.listeners(0);
    assert.equal(await page.locator(".age").innerText(), "paused at 14:20");
    assert.equal(await page.locator(".countdown").innerText(), "105 minutes left");
    server.served.state = "alert";
    const asked = server.asked.length;
    await page.waitForTimeout(1500);
    assert.equal(server.asked.length, asked, "a paused page asks for nothing");
    assert.equal(await headline(page), "Be ready. Decide by 16:05.");
    await page.getByRole("button", { name: "24 h" }).click(); // another window of the same moment
    assert.equal(await headline(page), "Be ready. Decide by 16:05.");
    await resume.click();
    await page.locator("#headline", { hasText: "Add 7 units" }).waitFor();
  }));

// stand has the page's stopwatch stand until the test moves it: how long the browser takes for a second changes nothing.
async function stand(page) {
  await page.addInitScript(() => {
    let stopwatch = 5000;
    performance.now = () => stopwatch;
    globalThis.pass = (ms) => (stopwatch += ms);
    const add = EventSource.prototype.addEventListener;
    EventSource.prototype.addEventListener = function (name, f) {
      add.call(this, name, (e) => (f(e), (globalThis.heard = name)));
    };
  });
  await page.reload();
  await page.waitForSelector("main.ready");
  await page.waitForFunction(() => globalThis.heard === "clock");
}

test("the clock is the server's: at 600 × a minute passes in a tenth of a second", () =>
  open({ state: "alert", speed: 600, ready: false }, async (page) => {
    await stand(page);
    assert.equal(await page.locator(".countdown").innerText(), "21 minutes left");
    assert.equal(await page.locator(".age").innerText(), "updated 0 s ago");
    await page.evaluate(() => globalThis.pass(900));
    await page.locator(".countdown", { hasText: /^12 minutes left$/ }).waitFor();
    assert.equal(await page.locator(".age").innerText(), "updated 9 min ago");
  }));

// An open page whose server hangs: the line stands, and nothing comes.
//
// Fails when SitePage.old leaves out shell.old, or shell.old the age: bands and countdown then go on as if it were new.
test("a forecast that gets old turns grey by the page's own clock, and its countdown becomes a clock time", () =>
  open({ state: "alert", speed: 1, ready: false }, async (page) => {
    await stand(page);
    await page.locator(".countdown", { hasText: /^2\d minutes left$/ }).waitFor();
    assert.equal(await page.locator(".card.verdict.stale").count(), 0);
    await page.evaluate(() => globalThis.pass(30_000));
    await page.locator(".age", { hasText: "updated 30 s ago" }).waitFor();
    assert.ok(await page.locator(".banner").isHidden());
    await page.evaluate(() => globalThis.pass(170_000));
    await page.locator(".card.verdict.stale").waitFor();
    assert.equal(await page.locator(".countdown").innerText(), "act by 14:41");
    assert.equal(await page.locator(".ended").innerText(), "This is the forecast of 14:20; normally one comes every minute. Look at live traffic as well.");
    assert.equal(await page.locator(".banner").innerText(), "Nothing new comes from the server. What you see may be old.");
    await axe(page);
  }));

// Fails when ticking in shell.ts leaves out heard.
test("at 60 × a server that stands still is noticed although its clock stands too", () =>
  open({ state: "alert", speed: 60, ready: false }, async (page, server) => {
    await stand(page);
    await page.locator(".countdown", { hasText: /^21 minutes left$/ }).waitFor();
    await page.evaluate(() => globalThis.pass(40_000));
    await page.locator(".age", { hasText: "not live" }).waitFor();
    assert.equal(await page.locator(".countdown").innerText(), "act by 14:41");
    assert.ok(await page.locator(".card.verdict.stale").isVisible());
    await server.emit("clock", { now: new Date(now + 60_000).toISOString(), speed: 60 });
    await page.locator(".countdown", { hasText: /^20 minutes left$/ }).waitFor();
    assert.ok(await page.locator(".banner").isHidden());
    assert.equal(await page.locator(".card.verdict.stale").count(), 0);
  }));

test("past their end the numbers no longer count, and the page says so by itself", () =>
  open({ state: "alert", speed: 3000 }, async (page) => {
    await page.getByText("no longer count.").waitFor();
    assert.equal(await page.locator(".overlay .bandword").count(), 0);
  }));

test("the engine is starting: the page says what the server says, and comes back by itself", () =>
  open({ state: "alert", expect: ["503"] }, async (page, server) => {
    await server.listeners(1); // before it is down: after, it would open no stream
    server.served.down = true;
    await server.emit("forecast", {});
    await page.locator(".banner", { hasText: "The engine is starting. Reference ref-1." }).waitFor();
    assert.equal(await headline(page), "Add 7 units by 14:41.");
    await axe(page);
    server.served.down = false;
    await server.emit("forecast", {});
    await page.locator(".banner").waitFor({ state: "hidden" });
  }));

test("without a session the page asks for the key and keeps it nowhere", () =>
  open({ state: "alert", key: "srg_secret_key", expect: ["401"], ready: false }, async (page) => {
    await page.getByLabel("Key").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("This key is not known here.").waitFor();
    await axe(page);
    await page.getByLabel("Key").fill("srg_secret_key");
    await page.keyboard.press("Enter");
    await page.locator("#headline", { hasText: "Add 7 units" }).waitFor();
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + location.href + document.cookie);
    assert.ok(!kept.includes("srg_secret_key"));
  }));

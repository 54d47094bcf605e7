// Plan: an event is added, moved, split, saved, changed and taken back, by keyboard too; what the server
// refuses stands there in its words.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { axe, closeBrowser, everyLook, open, openDetails } from "./page.mjs";

after(closeBrowser);

const path = "/plan?site=nordlicht&day=2026-09-24&kind=newsletter&start=15:30&people=20000";
const settled = (page) => page.waitForSelector(".effect .compare, .effect .refusal");

test("both chances in the server's words, each beside its number, and three waves beside one", () =>
  open({ path }, async (page, server) => {
    await settled(page);
    const said = await page.locator(".chances").innerText();
    assert.match(said.replace(/\s+/g, " "), /small chance \(5 %\).*real chance \(35 %\) within 6 h/);
    const table = await page.locator(".compare").innerText();
    assert.match(table, /As things stand\s+All at once\s+In 3 waves/);
    assert.match(table, /Chance within 6 h\s+5 %\s+35 %\s+10 %/);
    assert.match(table, /Chance within 24 h\s+5 %\s+40 %\s+10 %/);
    assert.match(table, /Units for the peak within 24 h\s+6\s+10\s+7/);
    const words = await page.locator(".sides").innerText();
    assert.ok(words.includes("Nothing to do before 20:20.") && words.includes("Add 4 units by 15:05."));
    assert.ok(words.includes("Planned: Newsletter 15:30."), "the caveat of the verdict");
    assert.match(await page.locator(".size").innerText(), /^About 400 requests in all \(120–1,300 in 16 of 20 such cases\)\. An estimate from 20000 people told/);
    await page.getByRole("button", { name: "3 waves" }).click();
    await page.waitForFunction(() => /small chance \(10 %\)/.test(document.querySelector(".chances")?.textContent ?? ""));
    assert.match(new URL(page.url()).search, /waves=3/);
    assert.equal(server.served.kept ?? 0, 0);
  }));

test("three waves are three events of a third each, twenty minutes apart", () =>
  open({ path: `${path}&waves=3` }, async (page, server) => {
    await settled(page);
    await page.getByRole("button", { name: "Save 3 events" }).click();
    await page.waitForSelector(".saved:not(:empty)");
    const { items } = await (await fetch(`${server.url}/v1/events`)).json();
    const made = items.filter((e) => e.id.startsWith("evt_new"));
    assert.deepEqual(made.map((e) => [e.name, e.starts_at, e.expected_reach]), [
      ["Newsletter 1 of 3", "2026-09-24T13:30:00Z", 6667],
      ["Newsletter 2 of 3", "2026-09-24T13:50:00Z", 6667],
      ["Newsletter 3 of 3", "2026-09-24T14:10:00Z", 6667],
    ]);
  }));

test("add, shift and save by keyboard alone; change and remove", () =>
  open({ path: "/plan?site=nordlicht&day=2026-09-24&kind=newsletter&start=15:30" }, async (page, server) => {
    await settled(page);
    await page.locator("#plan-time").focus();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Start 5 minutes later");
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("#plan-time").inputValue(), "15:35");
    await page.keyboard.press("Tab");
    await page.keyboard.type("20k");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".saved").textContent.startsWith("Saved: Newsletter."));
    const { items } = await (await fetch(`${server.url}/v1/events`)).json();
    const made = items.find((e) => e.id === "evt_new1");
    assert.deepEqual([made.site, made.kind, made.starts_at, made.expected_reach], ["nordlicht", "newsletter", "2026-09-24T13:35:00Z", 20000]);
    await page.waitForSelector('.events li:has-text("Newsletter")');

    await page.getByRole("button", { name: "Change Newsletter" }).press("Enter");
    assert.equal(await page.locator("#plan-time").inputValue(), "15:35");
    assert.equal(await page.evaluate(() => document.activeElement.id), "plan-time");
    await page.getByRole("button", { name: "Start 5 minutes earlier" }).press("Enter");
    await page.waitForFunction(() => document.querySelector(".compare th.chosen")?.textContent === "With the change");
    assert.equal(server.served.whatIf.events[0].id, "evt_new1", "what if asks about the change, not about one more");
    await page.getByRole("button", { name: "Save change" }).press("Enter");
    await page.waitForSelector('.events time:text-is("15:30")');

    await page.getByRole("button", { name: "Remove Newsletter" }).press("Enter");
    assert.match(await page.evaluate(() => document.activeElement.textContent), /Yes, remove/);
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => !document.querySelector(".events")?.textContent.includes("Newsletter"));
  }));

test("the diamond can be dragged, and the field follows", () =>
  open({ path }, async (page) => {
    await settled(page);
    const at = await page.locator("path.event.draft").first().boundingBox();
    const [x, y] = [at.x + at.width / 2, at.y + 60];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 60, y, { steps: 4 });
    await page.mouse.up();
    const [h, m] = (await page.locator("#plan-time").inputValue()).split(":").map(Number);
    assert.ok(h * 60 + m > 16 * 60 && m % 5 === 0, `${h}:${m}`);
  }));

test("a past start is refused in the server's words, at the field", () =>
  open({ path: path.replace("15:30", "14:00"), expect: ["422"] }, async (page) => {
    await page.waitForSelector(".effect .refusal");
    const words = "The start is past. Pick a later time: what has happened is in the traffic already.";
    assert.equal(await page.locator(".effect .refusal").innerText(), words);
    assert.equal(await page.locator(".fieldsaid .failed").innerText(), words);
    assert.equal(await page.locator("#plan-time").getAttribute("aria-invalid"), "true");
    await page.getByRole("button", { name: "Save" }).click();
    await page.waitForFunction((w) => document.querySelector(".saved").textContent === w, words);
    await axe(page);
  }));

// Fails when calendar.ts takes one of the two instants without asking.
test("on the day the clocks go back, 02:30 comes twice and the page asks which", () =>
  open({ path: "/plan?site=nordlicht&day=2026-10-25&kind=newsletter&start=02:30&people=20000" }, async (page, server) => {
    await page.waitForSelector(".twice");
    assert.match(await page.locator(".twice").innerText(), /02:30 happens twice on Sun 25 Oct\. Which\?\s*02:30\s*CEST\s*02:30\s*CET/);
    assert.match(await page.locator(".effect").innerText(), /Forecasts reach 24 hours ahead\. It can be saved now/);
    await page.getByLabel("02:30 CET", { exact: true }).check();
    assert.match(page.url(), /second=1/);
    await page.getByRole("button", { name: "Save" }).click();
    await page.waitForSelector(".saved:not(:empty)");
    const { items } = await (await fetch(`${server.url}/v1/events`)).json();
    assert.equal(items.find((e) => e.id === "evt_new1").starts_at, "2026-10-25T01:30:00Z");
  }));

test("the hour the clocks leave out does not exist", () =>
  open({ path: "/plan?site=nordlicht&day=2027-03-28&kind=newsletter&start=02:30" }, async (page) => {
    await page.waitForSelector(".fieldsaid .failed");
    assert.match(await page.locator(".fieldsaid .failed").innerText(), /^02:30 does not exist on Sun 28 Mar: the clocks go forward\./);
  }));

test("a copied address shows the same plan", () =>
  open({ path: `${path}&waves=3&name=Autumn%20mail` }, async (page) => {
    await settled(page);
    assert.equal(await page.locator("#plan-name").inputValue(), "Autumn mail");
    assert.equal(await page.locator("#plan-people").inputValue(), "20,000");
    assert.equal(await page.locator('[data-waves="3"]').getAttribute("aria-pressed"), "true");
    assert.equal(await page.locator("#plan-day").inputValue(), "2026-09-24");
  }));

test("no numbers: it can be saved, and is not judged", () =>
  open(
    {
      path, expect: ["503"],
      whatIf: { status: 503, body: { title: "Service Unavailable", code: "expired", detail: "no numbers came from this site for a while", remedy: "Look at its traffic source; the plan can be saved meanwhile with POST /v1/events." } },
    },
    async (page) => {
      await page.waitForSelector(".effect .refusal");
      assert.match(await page.locator(".effect .refusal").innerText(), /^No numbers came from this site for a while\. Look at its traffic source/);
      await page.getByRole("button", { name: "Save" }).click();
      await page.waitForFunction(() => document.querySelector(".saved").textContent.includes("Not judged: no numbers came"));
      await axe(page);
    },
  )); // prettier-ignore

test("the quietest hours are asked for, hour by hour", () =>
  open({ path }, async (page) => {
    await settled(page);
    await page.getByRole("button", { name: /quietest hours/ }).click();
    // The fixture answers the same for every hour, and the page says that instead of picking three.
    await page.waitForFunction(() => /The hour makes no difference: 40 % within 24 hours/.test(document.querySelector(".effect").textContent));
  }));

test("the calendar file, or why there is none", async () => {
  await open({ path }, async (page) => {
    await settled(page);
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: /calendar file/ }).click()]);
    assert.equal(file.suggestedFilename(), "nordlicht.ics");
    assert.match(readFileSync(await file.path(), "utf8"), /^BEGIN:VCALENDAR/);
  });
  await open({ path, noSchedule: true, expect: ["503"] }, async (page) => {
    await settled(page);
    await page.getByRole("button", { name: /calendar file/ }).click();
    await page.waitForFunction(() => /There is no forecast of nordlicht yet\./.test(document.querySelector(".calendarlink").textContent));
  });
});

for (const [name, o] of Object.entries({ alert: {}, simulated: {}, calm: {}, empty: { list: "empty" } })) {
  test(`${name}: accessible, in light, dark and on a phone`, () =>
    open({ state: name === "empty" ? "alert" : name, path, ...o }, async (page) => {
      if (name !== "empty") await settled(page);
      await openDetails(page);
      assert.equal(await page.locator("h1").count(), 1);
      assert.equal((await page.title()).startsWith("[simulated]"), name === "simulated");
      await everyLook(page);
    }));
}

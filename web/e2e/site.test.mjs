// What the Site page has below its chart: events on it, remedies with their deadlines, copies, a link, the
// record, and what engineers look for.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { note } from "./hindsight.mjs";
import { axe, bareTimes, closeBrowser, open, overflow } from "./page.mjs";

after(closeBrowser);

test("planned events stand on the chart and in its list", () =>
  open({ state: "alert" }, async (page) => {
    assert.equal(await page.locator(".overlay path.event").count(), 1); // the other begins in two days
    assert.match(await page.locator(".legend").innerText(), /14:50\s*Push to members/);
    assert.equal(await page.locator(".overlay .eventname").textContent(), "Push to members");
  }));

// Fails when ladder.ts shows one deadline for all.
test("each remedy has its own deadline and instructions; what is not needed is folded", () =>
  open({ state: "alert" }, async (page) => {
    const rung = (name) => page.locator(".ladder > li", { hasText: name }).first();
    assert.match(await rung("Cache rules").innerText(), /by then\s*by 14:49\s*helps from 14:21 if done now\s*60 % chance it is needed within a day/);
    assert.match(await rung("More units").innerText(), /by then\s*by 14:41\s*helps from 14:29/);
    assert.match(await rung("Load-balancer").innerText(), /late, still helps\s*helps from 15:20 if done now/);
    assert.equal(await rung("People on call").isVisible(), false);
    await rung("Cache rules").locator("summary").click();
    assert.match(await rung("Cache rules").innerText(), /Raise the cache time of pages/);
    assert.match(await page.locator(".remedies").innerText(), /assumed figures/);
  }));

test("calm: no remedy is needed, and they are there to look at", () =>
  open({ state: "calm" }, async (page) => {
    assert.match(await page.locator(".remedies").innerText(), /^Remedies\s*None is needed now\.\s*4 to choose from/);
  }));

test("How sure? is the server's record", () =>
  open({ state: "alert" }, async (page, server) => {
    assert.ok(!server.asked.some((p) => p.endsWith("/record")), "asked for only when somebody wants it");
    await page.locator(".why summary", { hasText: "How sure?" }).click();
    await page.waitForFunction(() => document.querySelectorAll(".record li").length === 3);
    assert.deepEqual((await page.locator(".record li").allInnerTexts()).slice(0, 2), ["When we said 40–60 % within 1 h, it happened 9 of 15 times.", "When we said 60–80 % within 1 h, it happened 3 of 4 times."]);
    await page.getByRole("button", { name: "Accuracy by lead" }).click();
    await page.waitForSelector("#accuracy table");
    assert.match(await page.locator("#accuracy tbody tr").first().innerText(), /^5\s+280\s+×0\.42\s+×0\.90\s+51 %\s+79 %\s+94 %$/);
    await axe(page);
  }));

test("copies for a chat, a terminal and an autoscaler", () =>
  open({ state: "simulated", context: { permissions: ["clipboard-read", "clipboard-write"] } }, async (page, server) => {
    const taken = async (name) => {
      await page.getByRole("button", { name, exact: true }).click();
      await page.waitForFunction((n) => document.querySelector(".menubody [role=status]").textContent === `Copied: ${n.toLowerCase()}.`, name);
      return page.evaluate(() => navigator.clipboard.readText());
    };
    const summary = page.locator(".menu summary").first();
    await summary.press("Enter");
    assert.match(await taken("Text for a chat"), /^\[simulated\] Nordlicht Tickets: Add 7 units by 14:41\. About even chance \(60 %\).*This site and its traffic are simulated\.\nhttp:/);
    assert.equal(await taken("Units"), "13");
    assert.equal(JSON.parse(await taken("JSON")).verdict.headline, "Add 7 units by 14:41.");
    assert.match(await taken("KEDA trigger"), new RegExp(`url: "${server.url}/v1/sites/nordlicht/scale"`));
    assert.equal(JSON.parse(await taken("AWS schedule, a pair")).site, "nordlicht");
    await axe(page);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator(".menubody").first().isVisible(), false);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Copy");
  }));

test("a link that says when it ends", () =>
  open({ state: "alert" }, async (page, server) => {
    await page.locator(".menu summary", { hasText: "Share" }).click();
    await page.getByRole("button", { name: "Make a link" }).click();
    await page.waitForSelector(".shared input");
    assert.equal(await page.locator(".shared input").inputValue(), `${server.url}/s/abc123`);
    assert.match(await page.locator(".shared").innerText(), /until Fri 25 Sep 14:20 CEST \(12:20 UTC\)/);
    // The picture says in words what it shows, comes from here, and can be saved; the note is the server's own text.
    assert.match(await page.locator(".cardpicture").getAttribute("alt"), /^Add 7 units by 14:41\. About even chance \(60 %\)/);
    assert.ok(await page.locator(".cardpicture").evaluate((i) => i.decode().then(() => i.naturalWidth > 0)), "the picture is there");
    const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Save the picture" }).click()]);
    assert.equal(saved.suggestedFilename(), "nordlicht.png");
    assert.equal(await page.getByLabel("Note for the host").inputValue(), note);
    await page.getByRole("button", { name: "Copy the note" }).click();
    await axe(page);
    await page.setViewportSize({ width: 320, height: 700 });
    assert.equal(await overflow(page), 0, "320 px with the menu open");
  }));

test("waiting room and mailings: asked only while open, with the reader's own figures", () =>
  open({ state: "alert" }, async (page, server) => {
    assert.ok(!server.asked.some((p) => p.endsWith("/admission")));
    await page.locator(".fold summary").first().click();
    await page.waitForFunction(() => /new visitors a minute\s*108/.test(document.querySelector(".fold")?.innerText));
    await page.locator("#adm-requests_per_visitor").fill("20");
    await page.waitForFunction(() => /new visitors a minute\s*54/.test(document.querySelector(".fold")?.innerText));
    await axe(page);
  }));

test("engineers see what autoscalers were answered, and can look at errors alone", () =>
  open({ state: "alert" }, async (page) => {
    await page.locator(".engineers > summary").click();
    await page.locator(".decisions > summary").click();
    await page.waitForSelector(".decisions table");
    const rows = page.locator(".decisions tbody tr");
    assert.equal(await rows.count(), 2);
    assert.match(await rows.first().innerText(), /^14:17\s+keda \(k1\)\s+6 units\s+3 min\s+forecast$/);
    await page.locator(".decisions").getByRole("button", { name: "errors" }).click();
    assert.equal(await rows.count(), 1);
    assert.match(await rows.first().innerText(), /503/);
    assert.deepEqual(await bareTimes(page), []);
    await axe(page);
  }));

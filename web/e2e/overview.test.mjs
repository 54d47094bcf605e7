// The worklist.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { axe, bareTimes, closeBrowser, open, openDetails, overflow, quiet } from "./page.mjs";

after(closeBrowser);

const names = (page) => page.locator(".worklist tbody tr:visible .site a").allInnerTexts();

for (const view of ["light", "dark", "phone"]) {
  test(`overview, ${view}: axe clean with all details open`, () =>
    open({ path: "/", view }, async (page) => {
      await openDetails(page);
      assert.equal(await page.locator("h1").count(), 1);
      assert.deepEqual(await bareTimes(page), []);
      assert.equal(await overflow(page), 0);
      await axe(page);
      await page.setViewportSize({ width: 320, height: 700 });
      assert.equal(await overflow(page), 0, "320 px");
    }));
}

test("order is the server's, calm is folded, and the caption counts", () =>
  open({ path: "/" }, async (page) => {
    assert.deepEqual(await names(page), ["Turmcafé Museumsladen", "Nordlicht Tickets", "Hafenmuseum", "Werft Konzerte", "Kleinod Shop", "Stadtblatt", "Neue Bühne"]);
    assert.equal(await page.locator(".list > table caption").innerText(), "6 sites need someone, 8 calm");
    assert.equal(await page.locator(".lead").innerText(), "6 sites need someone. Next decision: Nordlicht Tickets, by 14:41.");
    await page.getByText("7 calm sites").click();
    assert.equal((await names(page)).length, 14);
    assert.equal(await page.locator(".worklist tr", { hasText: "Hafenmuseum" }).locator("td.todo").innerText(), "No data since 14:02");
  }));

test("dots equal the chance beside them: 16 filled and 4 hollow are 80 %", () =>
  open({ path: "/" }, async (page) => {
    for (const row of await page.locator(".worklist tbody tr:visible").all()) {
      const text = await row.locator(".chance").innerText();
      const percent = Number(/(\d+) %/.exec(text)?.[1] ?? 0);
      const filled = await row.locator(".dotrow .over").count();
      const all = await row.locator(".dotrow circle").count();
      assert.equal(all, percent >= 5 ? 20 : 0, text);
      assert.equal(filled, percent >= 5 ? Math.round(percent / 5) : 0, text);
    }
    const chance = page.locator(".worklist tr", { hasText: "Nordlicht" }).locator(".chance");
    assert.match(await chance.innerText(), /^80 %/);
    assert.equal(await chance.locator(".dotrow .over").count(), 16);
  }));

// Fails when arrange() in overview.ts stops asking whether the list is hovered or holds the focus.
test("the order never changes under a pointer or the focus; it is offered", () =>
  open({ path: "/" }, async (page, server) => {
    const before = await names(page);
    const swap = (_, body) => {
      if (body.items) body.items.unshift(body.items.splice(4, 1)[0]); // Kleinod Shop to the top
      return body;
    };
    await page.locator(".worklist tbody tr").first().hover();
    const top = (await page.locator(".list").boundingBox()).y;
    server.served.edit = swap;
    await server.emit("forecast", {});
    await page.getByText("Order changed.").waitFor();
    assert.deepEqual(await names(page), before);
    assert.equal((await page.locator(".list").boundingBox()).y, top, "the notice moves no row");
    await page.getByRole("button", { name: "Update", exact: true }).click();
    const later = await names(page);
    assert.equal(later[0], "Kleinod Shop");
    assert.equal(await page.getByText("Order changed.").isVisible(), false);
    assert.equal((await page.locator(".list").boundingBox()).y, top, "the notice moves no row");

    await page.mouse.move(2, 2);
    await page.locator(".worklist .site a").nth(2).focus();
    const focused = await page.evaluate(() => document.activeElement.textContent);
    server.served.edit = null;
    await server.emit("forecast", {});
    await page.getByText("Order changed.").waitFor();
    assert.deepEqual(await names(page), later);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), focused);
    await page.evaluate(() => document.activeElement.blur());
    await server.emit("forecast", {}); // nobody is in the list any more: the next news may order it
    await page.getByText("Order changed.").waitFor({ state: "hidden" });
    assert.deepEqual(await names(page), before);
  }));

test("a column sorts on request, says so, and the address keeps it", () =>
  open({ path: "/" }, async (page) => {
    const head = page.locator("th", { hasText: "Chance" }).first();
    await head.getByRole("button").click();
    assert.equal(await head.getAttribute("aria-sort"), "descending");
    assert.deepEqual((await names(page)).slice(0, 2), ["Turmcafé Museumsladen", "Nordlicht Tickets"]);
    assert.equal(new URL(page.url()).searchParams.get("sort"), "chance");
    await head.getByRole("button").click();
    assert.equal(new URL(page.url()).search, "");
  }));

test("whatever is simulated says so, on the page and in the title", () =>
  open({ path: "/", state: "simulated" }, async (page) => {
    assert.ok((await page.title()).startsWith("[simulated] "));
    assert.ok(await page.locator(".stripe").isVisible());
    assert.equal(await page.locator(".worklist .chip.simulated").count(), 2);
  }));

test("an empty page says its state and offers a step", () =>
  open({ path: "/", list: "empty" }, async (page) => {
    assert.match(await page.locator(".first").innerText(), /^Nothing is watched yet\.\s+Watch my site \(2 minutes\).*\s+Play a simulated surge \(half a minute\)/);
    await axe(page);
  }));

const row = (page, name) => page.locator(".worklist tr", { hasText: name });

test("“I have it”: by keyboard, with name and note, survives a reload, and is taken back", () =>
  open({ path: "/", desk: true }, async (page, server) => {
    const nordlicht = row(page, "Nordlicht Tickets");
    await nordlicht.getByRole("button", { name: "I have it Nordlicht Tickets" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await axe(page);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "I have it Nordlicht Tickets");
    await page.keyboard.press("Enter");
    await page.getByLabel("Your name").fill("Ana");
    await page.getByLabel("Note (optional)").fill("Adding units.");
    await page.keyboard.press("Enter");
    await nordlicht.getByRole("button", { name: "Taken by Ana" }).waitFor();
    assert.deepEqual(server.served.desk.marks.srg_nordlicht, { by: "Ana", note: "Adding units." });
    await page.locator(".marked", { hasText: "1 taken by Ana" }).waitFor();
    assert.equal(await page.evaluate(() => document.querySelector(".worklist").contains(document.activeElement)), true, "the focus stays at the row");
    assert.ok(await nordlicht.isVisible(), "an acknowledged alert stays visible");
    await axe(page);

    await page.reload();
    await page.waitForSelector("main.ready");
    await nordlicht.getByRole("button", { name: "Taken by Ana" }).click();
    assert.match(await page.getByRole("dialog").innerText(), /Adding units\./);
    await page.getByRole("button", { name: "Undo: nobody has it" }).click();
    await nordlicht.getByRole("button", { name: /I have it/ }).waitFor();
    await row(page, "Kleinod Shop").getByRole("button", { name: /I have it/ }).click();
    assert.equal(await page.getByLabel("Your name").inputValue(), "Ana", "asked for once");
  }));

test("a mute ends by itself, never past the act-by; muted ones are counted and can be shown alone", () =>
  open({ path: "/", desk: true }, async (page, server) => {
    await row(page, "Nordlicht Tickets").getByRole("button", { name: /^Mute/ }).click();
    assert.match(await page.getByRole("dialog").innerText(), /Silences messages to people, never the autoscaler; never past recovery, and never past the act-by, 14:41\./);
    assert.deepEqual(await page.getByRole("dialog").getByRole("button").allInnerTexts(), ["30 min", "2 h", "Until act-by", "Cancel"]);
    await axe(page);
    await page.getByRole("button", { name: "2 h" }).click();
    await row(page, "Nordlicht Tickets").getByRole("button", { name: "Muted until 14:41" }).waitFor();
    assert.equal(server.served.desk.marks.srg_nordlicht.muted, "2026-09-24T12:41:00Z");
    await page.locator(".marked", { hasText: "1 muted" }).waitFor();
    await page.getByRole("button", { name: "Show", exact: true }).click();
    assert.deepEqual(await names(page), ["Nordlicht Tickets"]);
    assert.equal(new URL(page.url()).searchParams.get("only"), "marked");
    await page.getByRole("button", { name: "Show all" }).click();
    assert.equal((await names(page)).length, 7);
    await row(page, "Nordlicht Tickets").getByRole("button", { name: "Muted until 14:41" }).click();
    await page.getByRole("button", { name: "Undo: send messages" }).click();
    await row(page, "Nordlicht Tickets").getByRole("button", { name: /^Mute/ }).waitFor();
  }));

test("what the server refuses stands in the dialog; calm, recovering and unknown sites have nothing to take", () =>
  open({ path: "/", desk: true, expect: ["409"] }, async (page, server) => {
    server.served.desk.over = true;
    await row(page, "Nordlicht Tickets").getByRole("button", { name: /I have it/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "I have it" }).click();
    await page.getByText("This surge is over. Only a note can still be written. Reference ref-9.").waitFor();
    await page.keyboard.press("Escape");
    for (const name of ["Stadtblatt", "Hafenmuseum", "Neue Bühne"]) assert.equal(await row(page, name).locator("button").count(), 0, name);
  }));

test("on the Site page too", () =>
  open({ state: "alert", desk: true }, async (page, server) => {
    await page.getByRole("button", { name: /I have it/ }).click();
    await page.getByLabel("Your name").fill("Ana");
    await page.getByRole("dialog").getByRole("button", { name: "I have it" }).click();
    await page.getByRole("button", { name: "Taken by Ana" }).waitFor();
    assert.equal(Object.values(server.served.desk.marks)[0].by, "Ana");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await quiet(page); // and the news that follow say so too
    assert.ok(await page.getByRole("button", { name: "Taken by Ana" }).isVisible());
    await axe(page);
  }));

for (const [size, viewport] of Object.entries({ "a screen": { width: 1920, height: 1080 }, "a laptop": { width: 1280, height: 800 } })) {
  test(`wall view on ${size}: the same list, large, and nothing to press`, () =>
    open({ path: "/?view=wall", desk: true, context: { viewport } }, async (page, server) => {
      server.served.desk.marks.srg_nordlicht = { by: "Ana", note: "" };
      await server.emit("forecast", {});
      await page.getByText("Taken by Ana", { exact: true }).waitFor();
      assert.deepEqual(await names(page), ["Turmcafé Museumsladen", "Nordlicht Tickets", "Hafenmuseum", "Werft Konzerte", "Kleinod Shop", "Stadtblatt", "Neue Bühne"]);
      assert.equal(await page.locator("button:visible, select:visible, input:visible").count(), 0);
      const size = await page.evaluate(() => Number.parseFloat(getComputedStyle(document.querySelector(".worklist .todo")).fontSize));
      assert.ok(size >= (viewport.width === 1920 ? 30 : 24), `${size} px`);
      assert.equal(await overflow(page), 0);
      const cut = await page.evaluate(() => {
        const right = document.querySelector(".list").getBoundingClientRect().right;
        return [...document.querySelectorAll(".worklist td, .worklist th")].filter((e) => e.offsetParent && e.getBoundingClientRect().right > right + 1).length;
      });
      assert.equal(cut, 0, "cells that are cut");
      await axe(page);
      await page.emulateMedia({ colorScheme: "dark" });
      await axe(page);
    }));
}

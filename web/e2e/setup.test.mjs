// Setup: one tab at a time, real forms.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { axe, bareTimes, closeBrowser, everyLook, open, openDetails, overflow } from "./page.mjs";

after(closeBrowser);

const pages = {
  "sites": {}, "sites, none": { tab: "sites", sites: "none" }, "capacity": {}, "capacity, none": { tab: "capacity", sites: "none" },
  "feeds": {}, "feeds, bad": { tab: "feeds", sources: "bad" }, "webhooks": {}, "webhooks, some": { tab: "webhooks", hooks: "some" },
  "keys": {}, "keys, some": { tab: "keys", keys: "some" }, "public": {}, "public, none": { tab: "public", sites: "none" },
}; // prettier-ignore

for (const [name, { tab = name, ...o }] of Object.entries(pages)) {
  test(`setup ${name}: accessible in light, dark, on a phone, and nothing is cut`, () =>
    open({ desk: true, path: `/setup?tab=${tab}`, ...o }, async (page) => {
      assert.equal(await page.locator("h1").innerText(), "Setup");
      assert.equal(await page.locator(".tabs [aria-current]").count(), 1);
      await openDetails(page);
      await everyLook(page);
    }));
}

const at = (tab, o, what) => open({ desk: true, path: `/setup?tab=${tab}`, ...o }, what);

test("a site in two minutes: name and capacity, and what comes next", () =>
  at("sites", { sites: "none" }, async (page, server) => {
    await page.getByLabel("Name", { exact: true }).fill("Neue Bühne");
    await page.getByLabel("What it is").selectOption("venue");
    await page.getByLabel("Time zone").last().selectOption("Europe/Berlin");
    await page.getByLabel("Units serving now").fill("3");
    await page.getByLabel("One unit serves").fill("250");
    await page.getByRole("button", { name: "Add site" }).click();
    await page.getByRole("heading", { name: "Neue Bühne is watched" }).waitFor();
    const [site] = server.served.desk.sites;
    assert.deepEqual([site.slug, site.kind, site.time_zone, site.capacity.units, site.capacity.min_units, site.capacity.rpm_per_unit], ["neue-buehne", "venue", "Europe/Berlin", 3, 3, 250]);
    assert.match(await page.locator("main").innerText(), /It has no traffic source yet: push, Prometheus, log or CSV\./);
    assert.ok((await page.locator("pre").innerText()).includes(`${server.url}/v1/sites/neue-buehne/traffic`));
    await axe(page);
  }));

test("what the server refuses stands at the field, with remedy and reference, and the focus goes there", () =>
  at("sites", { expect: ["409"] }, async (page) => {
    const slug = page.getByLabel("Short name in addresses");
    await page.getByLabel("Name", { exact: true }).fill("Another");
    await slug.fill("nordlicht");
    await page.getByRole("button", { name: "Add site" }).click();
    const error = page.locator(".fielderror:visible");
    await error.waitFor();
    assert.equal(await error.innerText(), "The name is taken. Choose another name. Reference ref-9.");
    assert.equal(await slug.getAttribute("aria-invalid"), "true");
    assert.ok((await slug.getAttribute("aria-describedby")).split(" ").includes(await error.getAttribute("id")));
    assert.equal(await slug.evaluate((e) => e === document.activeElement), true);
    await axe(page);
    // What is missing is said before anything is sent.
    await page.getByLabel("Name", { exact: true }).fill("");
    await page.getByRole("button", { name: "Add site" }).click();
    assert.equal(await page.locator(".fielderror:visible").innerText(), "This is needed.");
  }));

// Fails when change() of setupsites.ts sends a site without its capacity or its segments.
test("a site is changed, and what the form does not show stays; it is deleted by name", () =>
  at("sites", {}, async (page, server) => {
    const before = structuredClone(server.served.desk.sites[0].capacity);
    delete before.capacity_rpm;
    await page.getByRole("button", { name: "Change Nordlicht Tickets" }).click();
    assert.equal(await page.evaluate(() => document.activeElement.id), "edit-h");
    await page.getByLabel("How far it is trusted").selectOption("advise");
    assert.equal(await page.locator("section:has(#edit-h) .formsaid").innerText(), "Unsaved changes.");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.locator("section:has(#edit-h) .formsaid", { hasText: "Saved." }).waitFor();
    assert.equal(server.served.desk.put.mode, "advise");
    assert.deepEqual(server.served.desk.put.capacity, before);
    assert.deepEqual(server.served.desk.put.segments, []);
    await page.getByText("Delete site …").click();
    const button = page.getByRole("button", { name: "Delete site", exact: true });
    await page.getByLabel("Write nordlicht to delete it").fill("nordlich");
    assert.equal(await button.isEnabled(), false);
    await page.getByLabel("Write nordlicht to delete it").fill("nordlicht");
    await button.click();
    await page.getByRole("link", { name: "Nordlicht Tickets", exact: true }).waitFor({ state: "detached" });
    assert.deepEqual(server.served.desk.sites.map((s) => s.slug), ["kleinod"]);
  }));

test("capacity by number says what it comes to, and is saved in the API's units", () =>
  at("capacity", { expect: ["422"] }, async (page, server) => {
    const sum = page.locator(".sum");
    assert.equal(await sum.innerText(), "6 units × 200 requests a minute = 1,200 a minute (20 a second)");
    await page.getByLabel("Units serving now").fill("7");
    assert.equal(await sum.innerText(), "7 units × 200 requests a minute = 1,400 a minute (23.3 a second)");
    assert.equal(await page.locator("form .formsaid").innerText(), "Unsaved changes.");
    await page.getByLabel("Never more than").fill("3");
    await page.getByRole("button", { name: "Save capacity" }).click();
    await page.locator(".fielderror:visible").waitFor();
    assert.equal(await page.locator(".fielderror:visible").innerText(), "Is below min_units. Raise it, or leave it out for no cap. Reference ref-9.");
    await page.getByLabel("Never more than").fill("40");
    await page.getByLabel("… and at the slow end").fill("12.5");
    await page.getByLabel("Alert from a chance of").fill("7");
    await page.getByRole("button", { name: "Save capacity" }).click();
    await page.getByText("Saved. The next forecast uses it.").waitFor();
    const { capacity, name, mode, time_zone } = server.served.desk.put;
    assert.deepEqual([capacity.units, capacity.max_units, capacity.lead_time_p95_seconds, capacity.alert_probability, capacity.rpm_per_unit], [7, 40, 750, 0.07, 200]);
    assert.deepEqual([name, mode, time_zone], ["Nordlicht Tickets", "shadow", "Europe/Berlin"]);
    assert.equal("capacity_rpm" in capacity, false);
    await page.getByLabel("One unit serves").fill("");
    assert.equal(await sum.innerText(), "Enter the units and what one serves, and the capacity stands here.");
  }));

// Fails when: staffed() does not compare workers_per_unit with what is saved, or workers_per_unit leaves the body.
test("workers instead of a measured figure: what they come to is what the service worked out", () =>
  at("capacity", {}, async (page, server) => {
    const sum = page.locator(".sum");
    await page.getByLabel("One unit serves").fill("");
    await page.getByLabel("One unit answers at once").fill("16");
    await page.getByLabel("… and one takes, when nobody waits").fill("0.2");
    await page.getByLabel("Slower than this is over capacity too").fill("0");
    assert.equal(await sum.innerText(), "Say below how slow an answer may be: longer than the 0.2 s it takes when nobody waits.");
    await page.getByLabel("Slower than this is over capacity too").fill("1000");
    assert.equal(await sum.innerText(), "6 units × 16 workers at 0.2 s: save, and what they take a minute while 95 in 100 wait no longer than 0.8 s stands here.");
    await page.getByRole("button", { name: "Save capacity" }).click();
    await page.getByText("Saved. The next forecast uses it.").waitFor();
    const { capacity } = server.served.desk.put;
    assert.deepEqual([capacity.rpm_per_unit, capacity.workers_per_unit, capacity.service_seconds, capacity.p95_limit_ms], [0, 16, 0.2, 1000]);
    assert.equal(await sum.innerText(), "6 units × 16 workers at 0.2 s = about 28,582 requests a minute while 95 in 100 wait no longer than 0.8 s");
    await page.getByLabel("One unit answers at once").fill("8");
    assert.match(await sum.innerText(), /: save, and what they take/);
    await axe(page);
  }));

test("a load test is read, proposes a figure, and is taken over on request only", () =>
  at("capacity", { expect: ["422"] }, async (page, server) => {
    const file = page.getByLabel("Result of a load test");
    await file.setInputFiles({ name: "notes.json", mimeType: "application/json", buffer: Buffer.from("{}") });
    await page.getByText("No result of a known tool. Send the summary of k6").waitFor();
    await page.getByLabel("Units that served during the test").fill("10");
    await file.setInputFiles({ name: "summary.json", mimeType: "application/json", buffer: Buffer.from('{"metrics":{}}') });
    await page.getByText("Tested up to 10 units; beyond that we do not guess.").waitFor();
    assert.equal(await page.locator("section:has(#loadtest-h) tbody tr").count(), 2, "nothing is shown beyond what was tested");
    assert.equal(server.served.desk.sites[0].capacity.rpm_per_unit, 200);
    await axe(page);
    await page.setViewportSize({ width: 320, height: 700 });
    assert.equal(await overflow(page), 0, "320 px");
    await page.getByRole("button", { name: "Use this figure" }).click();
    await page.getByText("Taken over. The next forecast uses it.").waitFor();
    assert.equal(server.served.desk.sites[0].capacity.rpm_per_unit, 230);
    assert.equal(await page.getByLabel("One unit serves").inputValue(), "230");
    await page.getByRole("button", { name: "Remove summary.json" }).click();
    await page.getByText("summary.json (k6)").waitFor({ state: "detached" });
  }));

test("the site is in the address; another one fills the form", () =>
  at("capacity&site=kleinod", {}, async (page) => {
    assert.equal(await page.locator("#chosen").inputValue(), "kleinod");
    await page.locator("#chosen").selectOption("nordlicht");
    assert.equal(new URL(page.url()).searchParams.get("site"), "nordlicht");
  }));

test("leaving with unsaved changes is asked about", () =>
  at("capacity", {}, async (page) => {
    let asked = 0;
    page.on("dialog", (d) => {
      asked++;
      void d.accept();
    });
    await page.getByLabel("Units serving now").fill("9");
    await page.getByRole("link", { name: "Overview" }).click();
    await page.waitForURL("**/");
    assert.equal(asked, 1);
  }));

test("feeds say how they are in the server's words", async () => {
  await at("feeds", {}, async (page) => {
    assert.equal(await page.locator(".lead").innerText(), "All feeds are counting.");
    assert.match(await page.locator(".feed").first().innerText(), /Counting; 4 seconds behind, no gaps in 24 hours\./);
  });
  await at("feeds", { sources: "bad" }, async (page) => {
    assert.equal(await page.locator(".lead").innerText(), "3 feeds behind.");
    const feed = (name) => page.locator(".feed", { hasText: name });
    const mastodon = await feed("Mastodon (example.social)").innerText();
    assert.match(mastodon, /▲\s*Waiting/);
    assert.match(mastodon, /The server answers 502 since 14:02; tries again at 14:21\./);
    assert.match(mastodon, /Boosts by bots cannot be told apart since 13:50\./);
    assert.match(mastodon, /missing and not zero: 13:55–14:10 \(rate limit\)\./);
    await feed("mastodon").getByText("Numbers").click();
    assert.match((await feed("mastodon").innerText()).replace(/\s+/g, " "), /behind 18 min .* lost in 24 h 15 min/);
    await feed("X").filter({ hasText: "budget" }).getByText("Numbers").click();
    assert.match((await feed("This month's budget").innerText()).replace(/\s+/g, " "), /spent this month \$12\.3[45] behind unknown/);
    assert.match(await page.locator(".feed", { has: page.getByRole("heading", { name: "RSS", exact: true }) }).innerText(), /Silent/);
    assert.match(await feed("push:acme").innerText(), /Nothing reads it here: it is pushed or imported\./);
    assert.match(await page.locator("section:has(#traffic-h)").innerText(), /Prometheus does not answer since 14:02\./);
  });
});

test("an endpoint is added, its secret shown once; a wrong address is refused at the field", () =>
  at("webhooks", { expect: ["422"] }, async (page, server) => {
    await page.getByLabel("Address").fill("ftp://x");
    await page.getByRole("button", { name: "Add endpoint" }).click();
    await page.locator(".fielderror:visible").waitFor();
    assert.equal(await page.locator(".fielderror:visible").innerText(), "Not an address that takes messages. Send https:// and a host. Reference ref-9.");
    await page.getByLabel("Address").fill("https://hooks.example.net/a");
    await page.getByLabel("A surge is seen coming").check();
    await page.getByRole("button", { name: "Add endpoint" }).click();
    const field = page.getByLabel("Secret of hooks.example.net");
    await field.waitFor();
    assert.match(await field.inputValue(), /^whsec_/);
    assert.deepEqual(server.served.desk.hooks[0].types, ["surge.opened"]);
    assert.equal(await field.evaluate((e) => e === document.activeElement), true);
    await axe(page);
    await page.reload();
    await page.waitForSelector("main.ready");
    await page.locator(".hook").waitFor();
    assert.equal(await page.locator("input.secret").count(), 0);
  }));

test("a test delivery answers in place", async () => {
  await at("webhooks", { hooks: "some" }, async (page) => {
    assert.match(await page.locator(".hook").innerText(), /Last: surge\.level_changed, delivered: answer 200 in 240 ms, 14:12\./);
    await page.getByRole("button", { name: "Send test" }).click();
    await page.getByText("Delivered in 240 ms, answer 200. It was marked test; nobody was paged.").waitFor();
    assert.match(await page.locator(".hook").innerText(), /Last: test, delivered/);
    await axe(page);
  });
  await at("webhooks", { hooks: "some", test: { status_code: 0, error: "connection reset", millis: 3000 } }, async (page) => {
    await page.getByRole("button", { name: "Send test" }).click();
    await page.getByText("Refused: connection reset after 3.0 s. Nothing listens at that address?").waitFor();
  });
  await at("webhooks", { hooks: "some", test: { status_code: 405, error: "", millis: 12 } }, async (page) => {
    await page.getByRole("button", { name: "Send test" }).click();
    await page.getByText("Refused: answer 405 after 12 ms.").waitFor();
  });
});

test("the log shows every attempt; an expired row says it was not sent, a failed one is sent again", () =>
  at("webhooks", { hooks: "some" }, async (page, server) => {
    await page.getByText("Log", { exact: true }).click();
    const row = (name) => page.locator(".hooklog > li", { hasText: name });
    await row("recommendation.changed").waitFor();
    assert.match(await row("recommendation.changed").innerText(), /expired 14:11, not sent again: a late instruction does harm\./);
    assert.equal(await row("recommendation.changed").getByRole("button").count(), 0);
    await row("recommendation.changed").getByText("3 attempts, payload").click();
    await page.getByText("attempt 3: no answer after 3.0 s: connection reset").waitFor();
    assert.match(await row("recommendation.changed").locator("pre").innerText(), /Add 7 units by 14:41\./);
    assert.match(await row("surge.opened").innerText(), /failed 8 times/);
    await row("surge.opened").getByRole("button", { name: /Send again/ }).click();
    await row("surge.opened").getByText(/^delivered|delivered/).first().waitFor();
    assert.equal(server.served.desk.deliveries.find((d) => d.id === "dlv_1").attempts, 9);
    assert.deepEqual(await bareTimes(page), []);
    await axe(page);
  }));

test("an endpoint is changed, gets a new secret, and is deleted by the name of its host", () =>
  at("webhooks", { hooks: "some" }, async (page, server) => {
    await page.getByRole("button", { name: "New secret" }).click();
    await page.getByLabel("Secret of hooks.example.net").waitFor();
    await page.getByText("The old secret signs too until").waitFor();
    await page.locator(".hook").getByText("Change", { exact: true }).click();
    await page.locator(".hook").getByLabel("Send nothing for now").check();
    await page.locator(".hook").getByRole("button", { name: "Save", exact: true }).click();
    await page.locator(".hook .badge", { hasText: "Off" }).waitFor();
    assert.deepEqual(server.served.desk.hooks[0].types, ["surge.opened", "surge.level_changed"]);
    await page.getByText("Delete endpoint …").click();
    await page.getByLabel("Write hooks.example.net to delete it").fill("hooks.example.net");
    await page.getByRole("button", { name: "Delete endpoint", exact: true }).click();
    await page.getByText("Nobody is told yet.").waitFor();
  }));

test("a key is shown once, says what it may do, and is ended by name", () =>
  at("keys", { keys: "some" }, async (page, server) => {
    assert.match(await page.locator("table").innerText(), /scale: asks for units/);
    await page.getByLabel("Who uses it").fill("newsletter tool");
    await page.getByLabel("read: see everything").uncheck();
    await page.getByRole("button", { name: "Make key" }).click();
    assert.equal(await page.locator(".fielderror:visible").innerText(), "Choose at least one.");
    await page.getByLabel("write: push traffic").check();
    await page.getByRole("button", { name: "Make key" }).click();
    const field = page.getByLabel("Key of newsletter tool");
    await field.waitFor();
    assert.equal(await field.inputValue(), "sgc_of-the-tests-only");
    assert.equal(await field.evaluate((e) => e === document.activeElement && e.selectionEnd - e.selectionStart), 21, "selected, for the keyboard to copy");
    assert.deepEqual(server.served.desk.keys.at(-1).scopes, ["write"]);
    await axe(page);
    await page.getByText("Delete key autoscaler …").click();
    await page.getByLabel("Write autoscaler to delete it").fill("autoscaler");
    await page.getByRole("button", { name: "Delete key autoscaler", exact: true }).click();
    await page.getByText("Delete key autoscaler …").waitFor({ state: "detached" });
    await page.reload();
    await page.waitForSelector("main.ready");
    assert.equal((await page.content()).includes("sgc_of-the-tests-only"), false);
  }));

test("the public page: own words, an honest end in the site's zone, and what visitors see", () =>
  at("public", {}, async (page, server) => {
    assert.match(await page.locator("section:has(#seen-h)").innerText(), /Nothing: the page is not public\./);
    await page.getByLabel("The page is public").check();
    await page.getByLabel("Your own words").fill("Orders already confirmed are safe.");
    await page.getByLabel("Broken since").fill("2026-09-24T14:02");
    await page.getByLabel("… and at the latest").fill("2026-09-24T16:40");
    await page.getByRole("button", { name: "Publish" }).click();
    await page.getByText("Published.", { exact: true }).waitFor();
    const n = server.served.desk.notice;
    assert.deepEqual([n.shown, n.since, n.back_from, n.back_by, n.words], [true, "2026-09-24T12:02:00.000Z", null, "2026-09-24T14:40:00.000Z", "Orders already confirmed are safe."]);
    assert.match(await page.locator("section:has(#seen-h)").innerText(), /Very busy\s+Pages may be slow\. Most likely normal again by 16:40\.\s+Orders already confirmed are safe\.\s+Reference NT-4711\./);
    assert.equal(await page.getByLabel("Broken since").inputValue(), "2026-09-24T14:02");
    await axe(page);
  }));

test("by keyboard alone every control is reached, with a visible ring", () =>
  at("webhooks", { hooks: "some", view: "phone" }, async (page) => {
    const want = await page.locator("a[href]:visible, button:visible:enabled, select:visible, input:visible, textarea:visible, summary:visible").count();
    const seen = new Set();
    for (let i = 0; i < want + 5; i++) {
      await page.keyboard.press("Tab");
      const now = await page.evaluate(() => {
        const e = document.activeElement;
        if (!e || e === document.body) return null;
        const s = getComputedStyle(e);
        e.dataset.seen ??= String(Math.random());
        return { id: e.dataset.seen, name: `${e.tagName} ${e.textContent.slice(0, 30)}`, ring: s.outlineStyle !== "none" && Number.parseFloat(s.outlineWidth) >= 2 };
      });
      if (!now) break;
      seen.add(now.id);
      assert.ok(now.ring, `no focus ring on ${now.name}`);
    }
    assert.ok(seen.size >= want, `reached ${seen.size} of ${want}`);
  }));

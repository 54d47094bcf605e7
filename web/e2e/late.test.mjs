// Answers that come late. The server holds one back until the test lets it go; what the reader did meanwhile counts,
// and an answer to an earlier question must not take its place.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, open, quiet } from "./page.mjs";

after(closeBrowser);

// Fails when ask() of checkpage.ts counts its turn only once there is something to ask.
test("check: who goes back while it is asked sees no answer to what no longer stands there", () =>
  open({ desk: true, path: "/check" }, async (page, server) => {
    server.hold(/^POST \/v1\/check/);
    await page.locator("#q").fill("Nordlicht tour");
    await page.locator("#q").press("Enter");
    await server.held();
    await page.goBack();
    await page.waitForFunction(() => document.querySelector("#q").value === "");
    server.release();
    await quiet(page);
    assert.equal(await page.locator(".verdict").isVisible(), false);
    assert.equal(await page.getByRole("button", { name: "Check", exact: true }).isEnabled(), true);
  }));

// Fails when load() of plan.ts does not look whether another site was chosen since it asked.
test("plan: the forecast of a site that is left does not stand under the next one", () =>
  open({ path: "/plan?site=nordlicht&day=2026-09-24&kind=newsletter&start=15:30" }, async (page, server) => {
    server.hold(/sites\/kleinod\/forecast/);
    await page.locator("#plan-site").selectOption("kleinod");
    await server.held();
    await page.locator("#plan-site").selectOption("nordlicht");
    await page.locator(".effect .compare").waitFor();
    server.served.edit = (name, body) => (name === "forecast" ? { ...body, capacity_rpm: 777, capacity_history: [] } : body); // of what is held
    server.release();
    await quiet(page);
    assert.match(await page.locator(".planfan .legend").innerText(), /capacity 1,200/);
    assert.equal(new URL(page.url()).searchParams.get("site"), "nordlicht");
  }));

// Fails when page() of reviews.ts gives its surges whatever site is chosen by then.
test("reviews: the list of all sites does not come into the list of one", () =>
  open({ path: "/reviews" }, async (page, server) => {
    await quiet(page);
    await page.locator("#review-site").selectOption("kleinod");
    await page.getByText("No surges yet.").waitFor();
    server.hold(/^GET \/v1\/surges\?limit=20$/);
    await page.locator("#review-site").selectOption("");
    await server.held();
    await page.locator("#review-site").selectOption("kleinod");
    await page.getByText("No surges yet.").waitFor();
    server.release();
    await quiet(page);
    assert.equal(await page.locator(".review").count(), 0);
  }));

// Fails when refresh() of setuphooks.ts does not look whether it was called again since.
test("webhooks: the log stays whole when an earlier, shorter look comes back after it", () =>
  open({ desk: true, path: "/setup?tab=webhooks", hooks: "some" }, async (page, server) => {
    server.hold(/deliveries\?limit=1$/);
    await page.getByRole("button", { name: "New secret" }).click(); // and the endpoint is looked at anew
    await server.held();
    await page.getByText("Log", { exact: true }).click();
    const rows = page.locator(".hooklog > li");
    await rows.nth(2).waitFor();
    server.release();
    await quiet(page);
    assert.equal(await rows.count(), 3);
  }));

// Fails when submit() of setupform.ts takes what stands in the fields after saving for what was saved.
test("a form: what is typed while it saves is unsaved", () =>
  open({ desk: true, path: "/topics/nordlicht-tour" }, async (page, server) => {
    await page.locator("#terms > summary").click();
    server.hold(/^PUT \/v1\/topics/);
    await page.getByLabel("Any of these", { exact: true }).fill("Nordlicht tour");
    await page.getByRole("button", { name: "Save terms" }).click();
    await server.held();
    await page.getByLabel("Any of these", { exact: true }).fill("Nordlicht tour, #more");
    server.release();
    await page.locator("#terms .formsaid", { hasText: "Unsaved changes." }).waitFor();
    assert.deepEqual(server.served.desk.topics[0].any, ["Nordlicht tour"]);
    await page.getByRole("button", { name: "Save terms" }).click();
    await page.locator("#terms .formsaid", { hasText: "Saved." }).waitFor();
  }));

// Fails when change() of setupsites.ts sends the capacity the list was drawn with.
test("a site: saving its name does not undo a capacity changed elsewhere meanwhile", () =>
  open({ desk: true, path: "/setup?tab=sites" }, async (page, server) => {
    await page.getByRole("button", { name: "Change Nordlicht Tickets" }).click();
    server.served.desk.sites[0].capacity.units = 9;
    await page.getByLabel("Name", { exact: true }).first().fill("Nordlicht");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.locator("section:has(#edit-h) .formsaid", { hasText: "Saved." }).waitFor();
    assert.equal(server.served.desk.put.name, "Nordlicht");
    assert.equal(server.served.desk.put.capacity.units, 9);
  }));

// Fails when fill() of setuppublic.ts leaves the form standing until the other site's words are there.
test("the public page: the words of one site cannot be published for the next one", () =>
  open({ desk: true, path: "/setup?tab=public" }, async (page, server) => {
    server.hold(/kleinod\/notice/);
    await page.locator("#chosen").selectOption("kleinod");
    await server.held();
    const publish = page.getByRole("button", { name: "Publish" });
    assert.equal(await publish.isVisible(), false);
    server.release();
    await publish.waitFor();
  }));

// Fails when load() of sitepage.ts shows the window it asked for although another was chosen since.
test("the hours chosen stay chosen when an answer for the earlier ones comes", () =>
  open({ state: "alert" }, async (page, server) => {
    server.hold(/forecast\?horizon=60/);
    await server.emit("forecast", {});
    await server.held();
    await page.getByRole("button", { name: "24 h" }).click();
    await page.evaluate(() => {
      globalThis.back = 0;
      const hour = document.querySelector("[data-window='1h']");
      new MutationObserver(() => hour.getAttribute("aria-pressed") === "true" && globalThis.back++).observe(hour, { attributes: true });
    });
    server.release();
    await page.waitForFunction(() => Number(document.querySelector("#cursor").max) > 1440);
    assert.equal(await page.evaluate(() => globalThis.back), 0);
  }));

// Fails when ask() of admission.ts shows whatever answer comes last.
test("the waiting room: figures typed last count", () =>
  open({ state: "alert" }, async (page, server) => {
    await page.locator(".fold summary").first().click();
    const out = page.locator(".fold [role=status]");
    await out.getByText("108", { exact: true }).waitFor();
    server.hold(/requests_per_visitor=20&/);
    await page.locator("#adm-requests_per_visitor").fill("20");
    await server.held();
    await page.locator("#adm-requests_per_visitor").fill("30");
    await out.getByText("36", { exact: true }).waitFor();
    server.release();
    await quiet(page);
    assert.ok(await out.getByText("36", { exact: true }).isVisible());
  }));

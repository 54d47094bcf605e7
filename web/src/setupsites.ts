import { del, get, post, put } from "./api";
import { h, patch } from "./element";
import { deletion, Form, type Values } from "./setupform";
import type { FullSite, Setting, Tab } from "./setuppage";
import { simulatedChip } from "./state";
import { slugOf } from "./topicterms";
import { withTimes } from "./zone";

const kinds: [string, string][] = [["shop", "Shop"], ["venue", "Venue"], ["newsroom", "Newsroom"]]; // prettier-ignore
const modes: [string, string][] = [
  ["shadow", "Shadow: it watches, autoscalers get the least"],
  ["advise", "Advise: people decide"],
  ["act", "Act: autoscalers follow it"],
];

function zones(): [string, string][] {
  const known = (Intl as unknown as { supportedValuesOf?: (what: string) => string[] }).supportedValuesOf?.("timeZone") ?? [];
  return ["UTC", ...known.filter((z) => z !== "UTC")].map((z) => [z, z.replaceAll("_", " ")]);
}

// SitesTab: what is watched, one form to change it, and one to add to it.
export class SitesTab implements Tab {
  readonly element = h("div", { class: "parts" });
  private readonly list = h("div", { class: "card list" });
  private readonly edit = h("section", { class: "card", "aria-labelledby": "edit-h", hidden: true });
  private readonly made = h("div", { role: "status" });
  private readonly add: Form;
  private setting: Setting | null = null;
  private editing = "";

  constructor() {
    this.add = new Form(
      [
        { name: "name", label: "Name", required: true, hint: "As people call it: Nordlicht Tickets", attributes: { maxlength: "200" } },
        { name: "slug", label: "Short name in addresses", hint: "a–z, 0–9 and -; it cannot be changed later. Left empty it is made from the name.", attributes: { maxlength: "63", spellcheck: "false", autocapitalize: "off" } },
        { name: "kind", label: "What it is", kind: "select", options: kinds, hint: "Chooses words and first guesses." },
        { name: "time_zone", label: "Time zone", kind: "select", options: zones() },
        { name: "units", label: "Units serving now", kind: "number", min: 1, step: "1", hint: "Servers, pods or workers that take requests." },
        { name: "rpm_per_unit", label: "One unit serves", kind: "number", min: 0, unit: "requests a minute", hint: "Unknown? Leave it empty: the forecast runs, a chance is not claimed." },
      ],
      { save: "Add site", busy: "Adding…", done: "Added." },
      async (v) => {
        const name = String(v["name"]).trim();
        const slug = String(v["slug"]).trim() || slugOf(name);
        const capacity: Values = {};
        if (v["units"] !== null) capacity["units"] = capacity["min_units"] = v["units"]!;
        if (v["rpm_per_unit"] !== null) capacity["rpm_per_unit"] = v["rpm_per_unit"]!;
        const site = await post<FullSite>("/v1/sites", { slug, name, kind: v["kind"], time_zone: v["time_zone"], capacity });
        this.reset();
        this.next(site);
        await this.setting?.reload();
      },
      { "capacity.units": "units", "capacity.rpm_per_unit": "rpm_per_unit", site: "slug" },
    );
    this.element.append(this.list, this.edit, this.made, h("section", { class: "card", "aria-labelledby": "add-h" }, h("h2", { id: "add-h" }, "Watch a site"), this.add.element));
    this.reset();
  }

  private reset(): void {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    this.add.fill({ name: "", slug: "", kind: "shop", time_zone: own, units: null, rpm_per_unit: null });
  }

  async load(s: Setting): Promise<void> {
    this.setting = s;
    this.list.hidden = s.sites.length === 0;
    const columns = ["Site", "What it is", "Time zone", "Mode", ""];
    patch(this.list, s.sites, () => [
      h(
        "table",
        { class: "cards", role: "table" },
        h("caption", { class: "sr" }, "Sites that are watched"),
        h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...columns.map((c) => h("th", { scope: "col", role: "columnheader" }, c || h("span", { class: "sr" }, "Change"))))),
        h(
          "tbody",
          { role: "rowgroup" },
          ...s.sites.map((x) => {
            const cell = (i: number, ...c: (Node | string)[]) => h("td", { role: "cell", "data-label": columns[i] || null }, ...c);
            return h(
              "tr",
              { role: "row" },
              h("th", { scope: "row", role: "rowheader" }, h("a", { href: `/sites/${x.slug}` }, x.name), x.simulated && " ", x.simulated && simulatedChip()),
              cell(1, kinds.find(([k]) => k === x.kind)?.[1] ?? x.kind),
              cell(2, x.time_zone),
              cell(3, x.mode),
              cell(
                4,
                h("button", { type: "button", class: "small", click: () => this.change(x) }, "Change", h("span", { class: "sr" }, ` ${x.name}`)),
                " ",
                h("a", { href: `/setup?tab=capacity&site=${x.slug}` }, "Capacity", h("span", { class: "sr" }, ` of ${x.name}`)),
              ),
            );
          }),
        ),
      ),
    ]);
    if (this.editing !== "" && !s.sites.some((x) => x.slug === this.editing)) {
      this.editing = "";
      this.edit.hidden = true;
    }
  }

  private change(x: FullSite): void {
    this.editing = x.slug;
    this.edit.hidden = false;
    const form = new Form(
      [
        { name: "name", label: "Name", required: true, attributes: { maxlength: "200" } },
        { name: "kind", label: "What it is", kind: "select", options: kinds },
        { name: "time_zone", label: "Time zone", kind: "select", options: zones() },
        { name: "mode", label: "How far it is trusted", kind: "select", options: modes, wide: true },
      ],
      { save: "Save", busy: "Saving…", done: "Saved." },
      async (v) => {
        // The rest of the site goes back as it is now: a change here must not undo one elsewhere.
        const path = `/v1/sites/${encodeURIComponent(x.slug)}`;
        const now = await get<FullSite>(path);
        await put(path, { name: v["name"], kind: v["kind"], time_zone: v["time_zone"], mode: v["mode"], mode_since: x.mode_since, capacity: withoutNull(now.capacity), segments: now.segments ?? [] });
        await this.setting?.reload();
      },
    );
    form.fill({ name: x.name, kind: x.kind, time_zone: x.time_zone, mode: x.mode });
    this.edit.replaceChildren(
      h("h2", { id: "edit-h", tabindex: "-1" }, `Change ${x.name}`),
      x.mode_why ? h("p", { class: "demoted" }, ...withTimes(x.mode_why)) : "",
      form.element,
      deletion("site", x.slug, "Its traffic, its forecasts and its surges are deleted. Nothing brings them back.", async () => {
        await del(`/v1/sites/${encodeURIComponent(x.slug)}`);
        await this.setting?.reload();
      }),
    );
    this.edit.querySelector<HTMLElement>("h2")?.focus();
  }

  private next(x: FullSite): void {
    const host = location.origin;
    this.made.replaceChildren(
      h(
        "div",
        { class: "card" },
        h("h2", {}, `${x.name} is watched`),
        h("p", {}, "It has no traffic source yet: push, Prometheus, log or CSV. A push is one line for each minute:"),
        h("pre", { tabindex: "0", "aria-label": "A push" }, h("code", {}, `curl -X POST ${host}/v1/sites/${x.slug}/traffic \\\n  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\\n  -d "[{\\"minute\\":\\"$(date -u +%FT%H:%M:00Z)\\",\\"requests\\":1234}]"`)),
        h("p", { class: "links" }, h("a", { href: `/setup?tab=capacity&site=${x.slug}` }, "Enter its capacity"), " · ", h("a", { href: "/setup?tab=keys" }, "Make a key"), " · ", h("a", { href: `/sites/${x.slug}` }, "Open its page")),
      ),
    );
  }
}

// withoutNull is a body as it can be sent back: what the API computes is left out.
export function withoutNull(c: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(c).filter(([k, v]) => v !== null && k !== "capacity_rpm" && k !== "measured"));
}

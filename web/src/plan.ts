import { get, getText, Problem, said } from "./api";
import { addDays, dayBounds, isDay, wallTime } from "./calendar";
import { type Band, FanChart, type Mark } from "./chart";
import type { Forecast, Site, SiteRow, Worklist } from "./documents";
import { h, patch } from "./element";
import { bounds, capacityAt, fan, scale } from "./fan";
import { swatch } from "./figure";
import { grouped, shownPercent, significant } from "./number";
import { paper, printedAt } from "./paper";
import { type Draft, fields, nameOf, PlanForm, startOf } from "./planform";
import { change, eventsOf, kinds, type PlannedEvent, remove, save, usual, type WhatIf, type WhatIfSide, waves, whatIf } from "./planned";
import { saveFile } from "./savefile";
import { type Page, type Shell, setQuery } from "./shell";
import { badge, simulatedChip } from "./state";
import { clock, date, day as dayName, full, instant, timeElement, withTimes } from "./zone";

const minute = 60_000;
const reach = 24 * 60 * minute; // forecasts look no further
const restMS = 5000; // a replay forecasts many times a second; asking is not free

type PlannedSite = SiteRow & { kind?: string };

interface Answer {
  key: string;
  asked: WhatIf; // as chosen
  other: WhatIf | null; // the other number of waves
}

// PlanPage shows a day of a site with what is planned, and what one more event would do before it is saved.
// Every chance and every sentence is the server's answer to "what if"; nothing is computed here.
export class PlanPage implements Page {
  readonly stream = "";
  private site: PlannedSite | null = null;
  private sites: PlannedSite[] = [];
  private forecast: Forecast | null = null;
  private events: PlannedEvent[] = [];
  private draft: Draft | null = null;
  private answer: Answer | null = null;
  private refused: Problem | null = null;
  private readonly said = h("p", { class: "failed", role: "alert" });
  private loadedAt = Number.NEGATIVE_INFINITY;
  private asking = 0;
  private loading = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private quiet: { key: string; slots: { at: number; p: number }[]; done: number; of: number; same: string } | null = null;

  private readonly siteMenu = h<HTMLSelectElement>("select", { id: "plan-site" });
  private readonly dayHead = h("h2", {});
  private readonly chart = new FanChart(() => {});
  private readonly legend = h("ul", { class: "legend" });
  private readonly note = h("p", { class: "note" });
  private readonly form: PlanForm;
  private readonly effect = h("section", { class: "card effect", "aria-labelledby": "effect-h" });
  private readonly list = h("section", { class: "card planned", "aria-labelledby": "planned-h" });
  private readonly chips = h("div", { class: "chips" });
  private readonly calendar = h("p", { class: "note" });
  private readonly parts: HTMLElement;
  private readonly empty = h("p", { class: "card", hidden: true }, "Nothing is watched yet. ", h("a", { href: "/setup" }, "Set up a site"), " first.");

  constructor(private readonly shell: Shell) {
    this.form = new PlanForm((d) => this.edit(d), () => this.save(), () => this.discard());
    this.siteMenu.addEventListener("change", () => this.toSite(this.siteMenu.value));
    this.chart.onDrag = (at, done) => this.drag(at, done);
    const step = (by: number, words: string, sign: string) => h("button", { type: "button", "aria-label": words, click: () => this.toDay(by) }, sign);
    this.parts = h(
      "div",
      { class: "parts planpage", hidden: true },
      h(
        "figure",
        { class: "card fan planfan", "aria-labelledby": "plan-caption" },
        h("div", { class: "figurehead" }, this.dayHead, h("div", { class: "choice" }, step(-1, "Day before", "‹"), step(1, "Next day", "›"))),
        this.chart.element,
        this.legend,
        h("figcaption", { id: "plan-caption" }, this.note),
      ),
      this.form.element,
      this.effect,
      this.list,
    );
    shell.main.append(
      h("div", { class: "sitehead" }, h("h1", {}, "Plan"), h("label", { class: "inline" }, h("span", {}, "Site "), this.siteMenu), this.chips, h("button", { type: "button", class: "quiet print", click: () => print() }, "Print")),
      this.said,
      this.empty,
      this.parts,
    );
    this.read();
    paper(shell.main, () => this.chart.repaint(), () => printedAt(shell.clock.now(), this.zone));
  }

  // read takes the draft from the address.
  private read(): void {
    const q = new URLSearchParams(location.search);
    const day = q.get("day");
    if (!isDay(day)) return;
    const people = Number(q.get("people") ?? 0);
    this.draft = {
      kind: Object.hasOwn(kinds, q.get("kind") ?? "") ? q.get("kind")! : "",
      name: q.get("name") ?? "",
      day,
      time: wallTime(q.get("start") ?? ""),
      second: q.get("second") === "1",
      people: people > 0 && Number.isFinite(people) ? Math.round(people) : 0,
      waves: q.get("waves") === "3" && people > 0 ? 3 : 1,
      lasts: Math.max(0, Number(q.get("lasts")) || 0),
      id: q.get("event"),
    };
  }

  private write(): void {
    const d = this.draft;
    setQuery("site", this.site?.slug ?? null);
    setQuery("day", d?.day ?? null);
    setQuery("kind", d?.kind ?? null);
    setQuery("name", d?.name || null);
    setQuery("start", (d && wallTime(d.time)) || null);
    setQuery("second", d?.second ? "1" : null);
    setQuery("people", d?.people ? String(d.people) : null);
    setQuery("waves", d?.waves === 3 ? "3" : null);
    setQuery("lasts", d?.lasts ? String(d.lasts) : null);
    setQuery("event", d?.id ?? null);
  }

  async load(): Promise<void> {
    if (performance.now() - this.loadedAt < restMS) return;
    const turn = ++this.loading;
    const list = await get<Worklist>("/v1/sites?limit=500");
    if (turn !== this.loading) return; // another site or day was chosen meanwhile, and is asked for
    this.sites = (list.items ?? []) as PlannedSite[];
    const want = this.site?.slug ?? new URLSearchParams(location.search).get("site");
    const site = this.sites.find((s) => s.slug === want) ?? this.sites[0] ?? null;
    const now = instant(list.now);
    this.shell.show({ simulated: site?.simulated === true, title: "Plan · Surgecast", updatedAt: now, now, zones: [site?.time_zone ?? "UTC"] });
    this.empty.hidden = site !== null;
    this.parts.hidden = site === null;
    if (!site) return;
    this.site = site;
    this.draft ??= this.fresh(now);
    if (this.draft.kind === "") this.draft.kind = usual[site.kind ?? "shop"]?.[0] ?? "newsletter";
    this.write();
    const zone = site.time_zone;
    const [from, to] = dayBounds(this.draft.day, zone);
    const back = Math.min(1440, Math.max(1, Math.ceil((now - from) / minute)));
    const [forecast, events] = await Promise.all([
      get<Forecast>(`/v1/sites/${encodeURIComponent(site.slug)}/forecast?horizon=1440&history=${back}`),
      eventsOf(site.slug, Math.min(from, now), Math.max(to, now + 14 * reach)),
    ]);
    if (turn !== this.loading) return;
    [this.forecast, this.events] = [forecast, events];
    this.loadedAt = performance.now();
    await this.judge();
  }

  // fresh is a draft to begin with: two hours ahead, at a full hour.
  private fresh(now: number): Draft {
    const zone = this.site?.time_zone ?? "UTC";
    const at = Math.ceil((now + 90 * minute) / (60 * minute)) * 60 * minute;
    return { kind: "", name: "", day: date(at, zone), time: clock(at, zone), second: false, people: 0, waves: 1, lasts: 0, id: null };
  }

  private get zone(): string {
    return this.site?.time_zone ?? "UTC"; // a plan is made on the site's clock, whatever zone the reader looks in
  }

  private get now(): number {
    return instant(this.forecast?.now);
  }

  private edit(d: Draft): void {
    const day = this.draft?.day;
    this.draft = d;
    this.write();
    this.refused = null;
    if (d.day !== day) this.again();
    this.render();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.judge(), 250);
  }

  // again loads at once, also while live updates are paused: it is the reader who asks.
  private again(): void {
    this.loadedAt = Number.NEGATIVE_INFINITY;
    void this.load().catch((e: unknown) => (this.said.textContent = said(e)));
  }

  private toSite(slug: string): void {
    this.site = this.sites.find((s) => s.slug === slug) ?? this.site;
    const d = this.draft;
    this.draft = d ? { ...d, kind: usual[this.site?.kind ?? ""]?.[0] ?? d.kind, id: null } : null;
    this.answer = null;
    this.refused = null;
    this.forecast = null;
    this.write();
    this.again();
  }

  private toDay(by: number): void {
    if (this.draft) this.edit({ ...this.draft, day: addDays(this.draft.day, by), second: false });
  }

  private drag(at: number, done: boolean): void {
    if (!this.draft) return;
    const to = Math.round(at / (5 * minute)) * 5 * minute;
    if (to !== startOf(this.draft, this.zone)) this.form.moveTo(to);
    if (done) this.chart.repaint();
  }

  private discard(): void {
    const day = this.draft?.day;
    this.draft = this.fresh(this.now);
    if (this.draft.day !== day && day && day >= date(this.now, this.zone)) this.draft.day = day;
    this.draft.kind = usual[this.site?.kind ?? "shop"]?.[0] ?? "newsletter";
    this.refused = null;
    this.form.said.textContent = "";
    this.edit(this.draft);
  }

  private key(d: Draft): string {
    return JSON.stringify([this.site?.slug, fields(d, this.zone), d.waves, d.id]);
  }

  // judge asks what the draft would do, and what the other number of waves would.
  private async judge(): Promise<void> {
    const { draft: d, site } = this;
    const turn = ++this.asking;
    if (!d || !site || !this.forecast) return;
    const start = startOf(d, this.zone);
    if (!Number.isFinite(start) || start > this.now + reach) {
      this.answer = null;
      this.refused = null;
      this.render();
      return;
    }
    const key = this.key(d);
    try {
      const f = fields(d, this.zone);
      const asked = await whatIf(site.slug, waves(f, d.waves), d.id);
      const other = d.people > 0 && !d.id ? await whatIf(site.slug, waves(f, d.waves === 3 ? 1 : 3), null).catch(() => null) : null;
      if (turn !== this.asking) return;
      this.answer = { key, asked, other };
      this.refused = null;
    } catch (e) {
      if (!(e instanceof Problem)) throw e;
      if (turn !== this.asking) return;
      this.answer = null;
      this.refused = e;
    }
    this.render();
  }

  rezone(): void {
    this.render();
  }

  tick(): void {}

  private async save(): Promise<void> {
    const { draft: d, site } = this;
    if (!d || !site) return;
    try {
      const f = fields(d, this.zone);
      const all = d.id ? [await change(d.id, f)] : [];
      if (!d.id) for (const e of waves(f, d.waves)) all.push(await save(site.slug, e));
      const unjudged = this.refused ? ` Not judged: ${this.refused.message}.` : "";
      this.draft = { ...this.fresh(this.now), kind: d.kind, day: d.day, time: d.time, people: 0, id: null };
      const after = Math.max(...all.map((e) => instant(e.starts_at))) + 60 * minute;
      this.draft.day = date(after, this.zone);
      this.draft.time = clock(after, this.zone);
      this.draft.second = false;
      this.refused = null;
      this.answer = null;
      this.write();
      this.again();
      this.render();
      this.form.said.replaceChildren(`Saved: ${all.map((e) => e.name).join(", ")}. Forecasts know of it from now on.${unjudged}`);
    } catch (e) {
      if (!(e instanceof Problem)) throw e;
      this.refused = e;
      this.render();
      this.form.said.textContent = refusal(e);
    }
  }

  private async remove(e: PlannedEvent): Promise<void> {
    try {
      await remove(e.id);
      this.form.said.textContent = `Removed: ${e.name}. Forecasts know of it from now on.`;
      if (this.draft?.id === e.id) this.draft = { ...this.draft, id: null };
    } catch (x) {
      this.said.textContent = x instanceof Problem ? refusal(x) : String(x);
    }
    this.again();
  }

  private change(e: PlannedEvent): void {
    const start = instant(e.starts_at);
    const ends = instant(e.ends_at);
    this.edit({
      kind: e.kind,
      name: e.name === kinds[e.kind] ? "" : e.name,
      day: date(start, this.zone),
      time: clock(start, this.zone),
      second: false,
      people: e.expected_reach,
      waves: 1,
      lasts: Number.isFinite(ends) ? Math.round((ends - start) / minute) : 0,
      id: e.id,
    });
    this.form.element.scrollIntoView({ block: "nearest" });
    this.form.element.querySelector<HTMLInputElement>("#plan-time")?.focus();
  }

  private render(): void {
    const { site, draft, forecast } = this;
    if (!site || !draft || !forecast) return;
    const zone = this.zone;
    const simulated = site.simulated;
    patch(this.chips, simulated, () => [simulated && simulatedChip()]);
    patch(this.siteMenu, this.sites.map((s) => [s.slug, s.name]), () => this.sites.map((s) => h("option", { value: s.slug }, s.name)));
    this.siteMenu.value = site.slug;
    const wrong = this.refused?.field ? { field: this.refused.field.replace(/^events\[\d+\]\./, ""), words: refusal(this.refused) } : null;
    this.form.show(draft, site.kind ?? "shop", zone, wrong);
    this.drawDay(site, draft, forecast);
    this.tell(draft);
    this.listed(zone);
  }

  private drawDay(site: Site, d: Draft, forecast: Forecast): void {
    const zone = this.zone;
    const [from, to] = dayBounds(d.day, zone);
    const now = this.now;
    const start = startOf(d, zone);
    const fresh = this.answer?.key === this.key(d) ? this.answer : null;
    const without = fresh?.asked.without.points ?? forecast.points;
    const levels = fresh ? fresh.asked.levels : forecast.levels;
    const doc: Forecast = { ...forecast, points: without, levels };
    const f = fan(doc);
    const other = fresh ? band(fresh.asked, start) : null;
    const c = capacityAt(forecast, now);
    const s = scale(f, c);
    const high = Math.max(0, ...(other?.high ?? []).map((x) => x ?? 0));
    const most = 3 * Math.max(c ?? 0, ...f.observed.map((x) => x ?? 0), 1);
    if (high > most && (c ?? 0) > 0) [s.top, s.clipped] = [Math.max(s.top, most), Math.max(high, s.clipped ?? 0)];
    else s.top = Math.max(s.top, 1.02 * high);
    const marks: Mark[] = this.events.filter((e) => e.id !== d.id).map((e) => ({ at: instant(e.starts_at), name: e.name }));
    if (Number.isFinite(start)) for (const e of waves(fields(d, zone), d.waves)) marks.push({ at: instant(e.starts_at), name: d.waves === 1 ? nameOf(d) : "", draft: true });
    this.dayHead.textContent = dayName(from, zone);
    this.chart.show({
      doc, fan: f, scale: s, zone, now, from, to, actBy: null, stale: forecast.stale, units: site.capacity.units, recommended: [], peaks: null,
      events: marks, other,
    }); // prettier-ignore
    const end = now + reach;
    const bands = without && without.length > 0 && to > now && from < end;
    const entries: [string, string][] = [["observed", "observed"]];
    if (other) entries.push(["outline", "19 of 20 as things stand"], ["hatched", "19 of 20 with the draft"]);
    else if (bands) entries.push(["band50", "half"], ["band80", "4 of 5"], ["band95", "19 of 20"]);
    if (c !== null) entries.push(["capacity", `capacity ${grouped(c)}`]);
    entries.push(["draft", "draft"], ["event", "planned"]);
    patch(this.legend, entries, () => entries.map(([k, words]) => h("li", {}, swatch(k), words)));
    patch(this.note, [bands, to > end, end, zone, other !== null, this.chart.onDrag !== null], () => [
      bands ? "Requests a minute, each minute by itself." : "No forecast for this day.",
      ...(to > end ? [" The forecast reaches until ", timeElement(end, now, zone), "; what is planned for later is judged as it comes nearer."] : []),
      other !== null && h("span", { class: "onscreen" }, " The filled diamond can be dragged; the fields do the same."),
    ]);
  }

  // tell is what the draft would do, in the server's words, beside how things stand.
  private tell(d: Draft): void {
    const zone = this.zone;
    const now = this.now;
    const start = startOf(d, zone);
    const a = this.answer?.key === this.key(d) ? this.answer : null;
    const head = h("h2", { id: "effect-h" }, "What it would do");
    const later = Number.isFinite(start) && start > now + reach;
    const quiet = this.quiet?.key === this.slotKey(d) ? this.quiet : null;
    patch(this.effect, [a?.asked, a?.other !== null && a?.other.with.verdict, d.waves, this.refused?.message, later, Number.isFinite(start), quiet?.done, quiet?.slots], () => {
      if (!Number.isFinite(start)) return [head, h("p", {}, "Pick a start to see it.")];
      if (later) return [head, h("p", {}, "Forecasts reach 24 hours ahead. It can be saved now; it is judged as it comes nearer.")];
      if (this.refused) return [head, h("p", { class: "refusal" }, ...withTimes(refusal(this.refused)))];
      if (!a) return [head, h("p", { role: "status" }, "Asking…")];
      const { without, with: chosen } = a.asked;
      const sides: [string, WhatIfSide, boolean][] = [["As things stand", without, false]];
      const other = a.other?.with;
      const [once, three] = d.waves === 3 ? [other, chosen] : [chosen, other];
      if (d.id) sides.push(["With the change", chosen, true]);
      else {
        if (once) sides.push([d.people > 0 ? "All at once" : "With it", once, d.waves === 1]);
        if (three) sides.push(["In 3 waves", three, d.waves === 3]);
      }
      return [
        head,
        h("p", { class: "chances", role: "status" }, ...chances(without, chosen)),
        h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Chances" }, table(sides, now, zone)),
        ...size(a.asked),
        h(
          "div",
          { class: "pair sides" },
          ...sides.filter((s, i) => i === 0 || s[2]).map(([name, side]) =>
            h(
              "section",
              { "aria-label": name },
              h("h3", {}, name, " ", badge(side.verdict.state)),
              h("p", { class: "sidehead" }, ...withTimes(side.verdict.headline)),
              h("p", {}, ...withTimes(side.verdict.sentence)),
              ...(side.verdict.caveats ?? []).filter((c) => !side.verdict.sentence.includes(c)).map((c) => h("p", { class: "note" }, ...withTimes(c))),
            ),
          ),
        ),
        this.slots(d, quiet),
      ];
    });
  }

  private slotKey(d: Draft): string {
    return JSON.stringify([this.site?.slug, d.kind, d.people, d.waves, d.lasts, d.day]);
  }

  // slots are the calm hours of the day: asked for, hour by hour, only when somebody wants to know.
  private slots(d: Draft, q: PlanPage["quiet"]): HTMLElement {
    if (!q) return h("p", {}, h("button", { type: "button", click: () => void this.seek(d) }, "Find the quietest hours of this day"));
    if (q.done < q.of) return h("p", { role: "status" }, `Asked for ${q.done} of ${q.of} hours…`);
    const zone = this.zone;
    if (q.slots.length === 0) return h("p", { role: "status" }, "No hour of this day can be judged now.");
    if (q.same) return h("p", { role: "status" }, `The hour makes no difference: ${q.same} within 24 hours at every hour of this day.`);
    return h(
      "div",
      { role: "status" },
      h("p", {}, "Quietest hours of this day for it, with the chance of overload within 24 hours:"),
      h(
        "ul",
        { class: "slots" },
        ...q.slots.map((s) =>
          h("li", {}, h("button", { type: "button", click: () => this.form.moveTo(s.at) }, "Use ", h("time", { datetime: new Date(s.at).toISOString(), title: full(s.at, zone) }, clock(s.at, zone))), ` ${shownPercent(s.p).text}`),
        ),
      ),
    );
  }

  private async seek(d: Draft): Promise<void> {
    const { site } = this;
    if (!site) return;
    const [from, to] = dayBounds(d.day, this.zone);
    const hours: number[] = [];
    for (let t = from; t < to; t += 60 * minute) if (t > this.now + 5 * minute && t <= this.now + reach - 60 * minute) hours.push(t);
    const q = { key: this.slotKey(d), slots: [] as { at: number; p: number }[], done: 0, of: hours.length, same: "" };
    this.quiet = q;
    this.render();
    const f = fields(d, this.zone);
    const lasts = f.ends_at ? instant(f.ends_at) - instant(f.starts_at) : 0;
    for (const t of hours) {
      if (this.quiet !== q) return; // the plan has changed meanwhile
      const moved = { ...f, starts_at: new Date(t).toISOString(), ends_at: lasts > 0 ? new Date(t + lasts).toISOString() : null };
      const p = await whatIf(site.slug, waves(moved, d.waves), d.id).then((a) => within(a.with, 1440), () => null);
      if (p !== null) q.slots.push({ at: t, p });
      q.done++;
      this.render();
    }
    const said = new Set(q.slots.map((s) => shownPercent(s.p).text));
    q.same = said.size === 1 ? [...said][0]! : "";
    q.slots = q.slots.sort((a, b) => a.p - b.p || a.at - b.at).slice(0, 3).sort((a, b) => a.at - b.at);
    this.render();
  }

  private listed(zone: string): void {
    const now = this.now;
    const d = this.draft!;
    const [from, to] = dayBounds(d.day, zone);
    const today = this.events.filter((e) => instant(e.starts_at) < to && Math.max(instant(e.starts_at), instant(e.ends_at) || 0) >= from);
    const coming = this.events.filter((e) => instant(e.starts_at) >= to);
    patch(this.list, [today, coming, zone, d.id, d.day], () => [
      h("h2", { id: "planned-h" }, `Planned for ${dayName(from, zone)}`),
      today.length === 0
        ? h("p", {}, "Nothing yet. What you save above stands here, and forecasts count on it from then on.")
        : h("ul", { class: "events" }, ...today.map((e) => this.item(e, now, zone))),
      coming.length > 0 &&
        h(
          "details",
          {},
          h("summary", {}, `${coming.length} later`),
          h("ul", { class: "events" }, ...coming.map((e) => this.item(e, now, zone))),
        ),
      h("p", { class: "calendarlink" }, h("button", { type: "button", click: (ev: Event) => void this.ics(ev.currentTarget as HTMLButtonElement) }, "Units as a calendar file"), " ", this.calendar),
    ]);
  }

  private item(e: PlannedEvent, now: number, zone: string): HTMLElement {
    const ask = h("span", { hidden: true });
    const remove = h<HTMLButtonElement>("button", { type: "button", "aria-label": `Remove ${e.name}`, click: () => {
      ask.hidden = false;
      remove.hidden = true;
      ask.querySelector("button")?.focus();
    } }, "Remove"); // prettier-ignore
    ask.append(
      `Remove ${e.name}? `,
      h("button", { type: "button", click: () => void this.remove(e) }, "Yes, remove"),
      " ",
      h("button", { type: "button", click: () => {
        ask.hidden = true;
        remove.hidden = false;
        remove.focus();
      } }, "Keep"),
    ); // prettier-ignore
    const end = instant(e.ends_at);
    return h(
      "li",
      { class: this.draft?.id === e.id ? "changing" : null },
      h("span", { class: "diamond", "aria-hidden": "true" }, "◇"),
      h("span", { class: "when" }, timeElement(instant(e.starts_at), now, zone), Number.isFinite(end) ? "–" : "", Number.isFinite(end) ? timeElement(end, now, zone) : ""),
      h("span", { class: "what" }, h("strong", {}, e.name), e.name === kinds[e.kind] ? "" : ` ${kinds[e.kind] ?? e.kind}`, e.expected_reach > 0 ? `, ${grouped(e.expected_reach)} people` : ""),
      h("span", { class: "does" }, h("button", { type: "button", "aria-label": `Change ${e.name}`, click: () => this.change(e) }, "Change"), remove, ask),
    );
  }

  private async ics(button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    try {
      const slug = this.site?.slug ?? "";
      saveFile(`${slug}.ics`, "text/calendar", await getText(`/v1/sites/${encodeURIComponent(slug)}/schedule?format=ics`));
      this.calendar.textContent = "";
    } catch (e) {
      this.calendar.textContent = e instanceof Problem ? refusal(e) : String(e);
    } finally {
      button.disabled = false;
    }
  }
}

// chances are the two verdicts' own words and numbers, each with the window it speaks of.
function chances(without: WhatIfSide, chosen: WhatIfSide): (Node | string)[] {
  // A verdict of something else, a checkout that fails, names no chance of overload: then the chance itself does.
  const words = (s: WhatIfSide) => {
    const p = within(s, s.verdict.horizon_minutes || 360);
    if (s.verdict.word) return `${s.verdict.word} (${s.verdict.shown_percent})`;
    return s.verdict.state === "failing" && p !== null ? shownPercent(p).text : "cannot tell";
  };
  const same = without.verdict.horizon_minutes === chosen.verdict.horizon_minutes;
  const window = (s: WhatIfSide) => h("span", { class: "window" }, ` within ${hours(s.verdict.horizon_minutes || 360)}`);
  return [
    h("span", { class: "label" }, "Chance of overload "),
    h("strong", {}, words(without)),
    same ? "" : window(without),
    h("span", { "aria-hidden": "true" }, " → "),
    h("span", { class: "sr" }, " becomes "),
    h("strong", {}, words(chosen)),
    window(chosen),
  ];
}

function hours(minutes: number): string {
  return minutes % 60 === 0 && minutes > 0 ? `${minutes / 60} h` : `${minutes} min`;
}

function within(s: WhatIfSide, minutes: number): number | null {
  return s.risk?.find((r) => r.horizon_minutes === minutes)?.probability ?? null;
}

function table(sides: [string, WhatIfSide, boolean][], now: number, zone: string): HTMLElement {
  const row = (name: string, cell: (s: WhatIfSide) => Node | string) =>
    h("tr", {}, h("th", { scope: "row" }, name), ...sides.map(([, s, chosen]) => h("td", { class: chosen ? "chosen" : null }, cell(s))));
  const percent = (m: number) => (s: WhatIfSide) => {
    const p = within(s, m);
    return p === null ? "–" : shownPercent(p).text;
  };
  return h(
    "table",
    { class: "compare" },
    h("caption", { class: "sr" }, "The draft beside how things stand"),
    h("thead", {}, h("tr", {}, h("td", {}), ...sides.map(([n, , chosen]) => h("th", { scope: "col", class: chosen ? "chosen" : null }, n)))),
    h(
      "tbody",
      {},
      row("Chance within 6 h", percent(360)),
      row("Chance within 24 h", percent(1440)),
      row("Units for the peak within 24 h", unitsForPeak),
      row("Act by", (s) => timeElement(instant(s.act_by), now, zone)),
    ),
  );
}

// unitsForPeak are what the day's highest minute calls for, not what is to be held now.
function unitsForPeak(s: WhatIfSide): string {
  const most = s.recommendation?.max_units ?? 0;
  if (!(s.units_for_peak > 0)) return "–";
  return most > 0 && s.units_for_peak > most ? `more than the ${most} allowed` : String(s.units_for_peak);
}

// size is what it is expected to bring, and on what that rests.
function size(a: WhatIf): HTMLElement[] {
  const n = (x: number, mode: -1 | 0 | 1) => grouped(significant(x, 2, mode));
  return (a.asked ?? []).slice(0, 1).map((s) =>
    h(
      "p",
      { class: "size" },
      s.visits !== null && s.visits > 0 ? h("strong", {}, `About ${n(s.visits * (a.asked ?? []).length, 0)} requests in all${(a.asked ?? []).length > 1 ? `, ${n(s.visits, 0)} a wave` : ""}`) : null,
      s.visits !== null && s.visits > 0 && s.visits_low !== null && s.visits_high !== null && (a.asked ?? []).length === 1 ? ` (${n(s.visits_low, -1)}–${n(s.visits_high, 1)} in 16 of 20 such cases). ` : s.visits ? ". " : null,
      (a.asked ?? []).length > 1 ? `Each wave: ${s.basis.charAt(0).toLowerCase()}${s.basis.slice(1)}` : s.basis,
    ),
  );
}

// band is the course with the draft, from shortly before it starts: until then both are one.
function band(a: WhatIf, start: number): Band {
  const at = (level: number) => a.levels.findIndex((l) => Math.abs(l - level) < 1e-9);
  const [low, middle, high] = [at(bounds[0]), at(bounds[3]), at(bounds[6])];
  const points = (a.with.points ?? []).filter((p) => instant(p.at) >= start - 5 * minute);
  const of = (i: number) => points.map((p) => p.quantiles_rpm[i] ?? null);
  return { at: points.map((p) => instant(p.at)), low: of(low), middle: of(middle), high: of(high) };
}

const names: Record<string, string> = { starts_at: "The start", ends_at: "The end", expected_reach: "The number of people", name: "The name", kind: "The kind", announced_at: "The announcement" };

// refusal is what the server refused, at which field, and what to do.
export function refusal(p: Problem): string {
  const field = p.field.replace(/^events\[\d+\]\./, "");
  const about = names[field] ?? field;
  const detail = p.detail || p.title;
  const said = about && /^(is|are|has|must|lies|does|cannot)\b/.test(detail) ? `${about} ${detail}` : detail.charAt(0).toUpperCase() + detail.slice(1);
  return [said.endsWith(".") ? said : `${said}.`, p.remedy].filter(Boolean).join(" ");
}

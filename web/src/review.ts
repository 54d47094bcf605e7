import { get, Problem, said } from "./api";
import { FanChart } from "./chart";
import type { Forecast } from "./documents";
import { h, patch } from "./element";
import { capacityAt, fan, scale } from "./fan";
import { swatch } from "./figure";
import { grouped, shownPercent } from "./number";
import { paper } from "./paper";
import type { Review, Said } from "./reviewdoc";
import { facts, rulesTable } from "./rules";
import { csv, saveFile } from "./savefile";
import { type Page, type Shell, setQuery } from "./shell";
import { badge, foreseen, simulatedChip } from "./state";
import { clock, day, full, instant, timeElement, withTimes } from "./zone";

const minute = 60_000;
const keep = 64; // bands held of forecasts stepped through
const restMS = 15_000;

// ReviewPage is a past surge: what came, over what was said at a moment the reader chooses, and what simple
// rules would have done with the same minutes. Headline, sentences and notes are the server's.
export class ReviewPage implements Page {
  readonly stream = "";
  private doc: Review | null = null;
  private chosen: string | null; // issued_at
  private readonly bands = new Map<string, Forecast>();
  private loadedAt = Number.NEGATIVE_INFINITY;
  private wanted = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  private readonly title = h("h1", {});
  private readonly chips = h("div", { class: "chips" });
  private readonly verdict = h("section", { class: "card reviewverdict", "aria-labelledby": "review-headline" });
  private readonly chart = new FanChart(() => {});
  private readonly slider = h<HTMLInputElement>("input", { type: "range", id: "said", min: 0, step: 1, "aria-label": "Forecast shown" });
  private readonly saidLine = h("p", { class: "saidline" });
  private readonly missing = h("p", { class: "note", role: "status" });
  private readonly legend = h("ul", { class: "legend" });
  private readonly note = h("p", { class: "note" });
  private readonly rules = h("section", { class: "card rules", "aria-labelledby": "rules-h" });
  private readonly story = h("section", { class: "card surge", "aria-labelledby": "story-h" });
  private readonly notes = h("section", { class: "card notes", "aria-labelledby": "notes-h" });
  private readonly receipt = h("section", { class: "card receipt", "aria-labelledby": "receipt-h" });
  private readonly made = h("p", { class: "note made" });
  private readonly parts: HTMLElement;

  constructor(
    private readonly shell: Shell,
    private readonly id: string,
  ) {
    this.chosen = new URLSearchParams(location.search).get("said");
    this.slider.addEventListener("input", () => this.step(Number(this.slider.value)));
    this.slider.addEventListener("keydown", (e) => {
      const by = { PageUp: 10, PageDown: -10 }[e.key];
      if (by === undefined) return;
      e.preventDefault();
      this.step(Math.min(Number(this.slider.max), Math.max(0, Number(this.slider.value) + by)));
    });
    this.chart.onLayout = (left, right) => {
      this.slider.style.marginLeft = `${left - 8}px`;
      this.slider.style.width = `calc(100% - ${left + right - 16}px)`;
    };
    this.parts = h(
      "div",
      { class: "parts", hidden: true },
      this.verdict,
      h(
        "figure",
        { class: "card fan reviewfan", "aria-labelledby": "review-caption" },
        h("h2", {}, "What came, and what was said"),
        this.chart.element,
        this.slider,
        this.saidLine,
        this.missing,
        this.legend,
        h("figcaption", { id: "review-caption" }, this.note),
      ),
      this.rules,
      this.story,
      h("div", { class: "pair" }, this.notes, this.receipt),
      this.made,
    );
    shell.main.append(
      h(
        "div",
        { class: "sitehead" },
        h("a", { href: "/reviews", class: "backlink" }, "‹ Reviews"),
        this.title,
        this.chips,
        h("span", { class: "print does" }, h("button", { type: "button", click: () => this.saveCSV() }, "CSV"), h("button", { type: "button", click: () => print() }, "Print")),
      ),
      this.parts,
    );
    paper(shell.main, () => this.chart.repaint(), () => "");
  }

  async load(): Promise<void> {
    if (this.doc && (!this.doc.open || performance.now() - this.loadedAt < restMS)) return; // what is over does not change
    try {
      this.doc = await get<Review>(`/v1/surges/${encodeURIComponent(this.id)}/review`);
    } catch (e) {
      if (e instanceof Problem && !this.doc) {
        this.title.textContent = e.status === 404 ? "No such surge" : "No review of this surge";
        document.title = "No review · Surgecast";
        this.chips.replaceChildren(e.remedy);
      }
      throw e;
    }
    this.loadedAt = performance.now();
    this.render();
    await this.band();
  }

  rezone(): void {
    this.render();
  }

  tick(): void {}

  private get said(): Said[] {
    return this.doc?.said ?? [];
  }

  // at is which of the forecasts is shown: the chosen one, else the one that raised the alert, else the first.
  private at(): number {
    const { said, doc } = this;
    const chosen = said.findIndex((s) => s.issued_at === this.chosen);
    if (chosen >= 0) return chosen;
    const alert = instant(doc?.transitions?.find((t) => t.to === "alert")?.issued_at ?? doc?.transitions?.[0]?.issued_at);
    const there = said.findIndex((s) => instant(s.issued_at) >= alert);
    return Math.max(0, there);
  }

  private step(i: number): void {
    const s = this.said[i];
    if (!s) return;
    this.chosen = s.issued_at;
    setQuery("said", this.chosen);
    this.drawn();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.band(), 120);
  }

  // band fetches what the chosen forecast said, from the ledger.
  private async band(): Promise<void> {
    const { doc } = this;
    const s = this.said[this.at()];
    const turn = ++this.wanted;
    if (!doc || !s || this.bands.has(s.issued_at)) return this.drawn();
    const ahead = Math.min(1440, Math.max(60, Math.ceil((instant(doc.to) - instant(s.issued_at)) / minute)));
    try {
      const f = await get<Forecast>(`/v1/sites/${encodeURIComponent(doc.site)}/forecast?as_of=${encodeURIComponent(s.issued_at)}&history=0&horizon=${ahead}`);
      const oldest = this.bands.keys().next();
      if (this.bands.size >= keep && !oldest.done) this.bands.delete(oldest.value);
      this.bands.set(s.issued_at, f);
      this.missing.textContent = "";
    } catch (e) {
      if (turn === this.wanted) this.missing.textContent = said(e);
    }
    if (turn === this.wanted) this.drawn();
  }

  private render(): void {
    const d = this.doc;
    if (!d) return;
    const zone = this.zoneOf(d);
    const now = instant(d.now);
    const opened = instant(d.surge.opened_at);
    const closed = instant(d.surge.closed_at);
    this.shell.show({ simulated: d.simulated, title: `How it went: ${d.name}, ${day(opened, zone)} · Surgecast`, updatedAt: now, now, zones: [d.time_zone] });
    this.parts.hidden = false;
    patch(this.title, [d.name, opened, closed, zone], () => [
      `How it went: ${d.name}, ${day(opened, zone)}, `,
      h("time", { datetime: new Date(opened).toISOString(), title: full(opened, zone) }, clock(opened, zone)),
      "–",
      Number.isFinite(closed) ? h("time", { datetime: new Date(closed).toISOString(), title: full(closed, zone) }, clock(closed, zone)) : "now",
    ]);
    patch(this.chips, [d.simulated, d.open], () => [d.simulated && simulatedChip(), d.open && h("span", { class: "chip open" }, "Still open. Numbers change until it ends.")]);
    patch(this.verdict, [d.headline, d.sentences, d.missing_minutes], () => [
      h("h2", { id: "review-headline" }, ...withTimes(d.headline)),
      h("ul", { class: "sentences" }, ...(d.sentences ?? []).map((s) => h("li", {}, ...withTimes(s)))),
      d.missing_minutes > 0 && h("p", { class: "note" }, `${d.missing_minutes} minutes without data: left out of every score.`),
    ]);
    this.slider.max = String(Math.max(0, this.said.length - 1));
    this.slider.disabled = this.said.length < 2;
    this.drawn();
    patch(this.rules, [d.rules, d.currency], () => [
      h("h2", { id: "rules-h" }, "Beside simple rules"),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Rules compared" }, rulesTable(d)),
      h("p", { class: "note" }, "Estimated by replay with the same traffic; visitors who leave change traffic. Asked before: how long before the first minute over the rule wanted more units. The headline counts from when people were warned."),
    ]);
    patch(this.story, [d.transitions, zone], () => [
      h("h2", { id: "story-h" }, "What was said, in the words of then"),
      h(
        "ol",
        { class: "story" },
        ...(d.transitions ?? []).map((t) =>
          h(
            "li",
            {},
            timeElement(instant(t.issued_at), instant(d.to), zone),
            badge(t.to),
            h("div", { class: "words" }, h("p", {}, t.probability === null || !foreseen(t.to) ? "" : `${shownPercent(t.probability).text}. `, h("strong", {}, ...withTimes(t.headline))), t.sentence ? h("p", { class: "then" }, ...withTimes(t.sentence)) : null),
          ),
        ),
      ),
    ]);
    const others = (d.notes ?? []).filter((n) => !n.startsWith("What a rule would have done is estimated"));
    this.notes.hidden = others.length === 0;
    patch(this.notes, others, () => [h("h2", { id: "notes-h" }, "How to read this"), h("ul", { class: "notelist" }, ...others.map((n) => h("li", {}, ...withTimes(n))))]);
    const r = d.receipt;
    patch(this.receipt, r, () => [
      h("h2", { id: "receipt-h" }, "Receipt"),
      h("p", {}, r.broken === 0 ? "Every forecast stands in the ledger as it was made, before the fact: 0 rows broken." : `${r.broken} rows of the ledger were changed, or do not follow from the row before.`),
      facts([
        ["first forecast", r.first_id],
        ["last forecast", r.last_id],
        ["its hash", r.last_hash],
        ["model", (r.model_versions ?? []).join(", ")],
        ["seal", (r.seal_versions ?? []).map((v) => `version ${v}`).join(", ")],
        ["surge", d.surge.id],
      ]),
    ]);
    patch(this.made, [now, zone], () => ["Generated ", h("time", { datetime: new Date(now).toISOString() }, full(now, zone)), `. Times are in ${zone.replaceAll("_", " ")}.`]);
  }

  private zoneOf(d: Review): string {
    return new URLSearchParams(location.search).get("zone") ?? d.time_zone;
  }

  private drawn(): void {
    const d = this.doc;
    if (!d) return;
    const zone = this.zoneOf(d);
    const i = this.at();
    const s = this.said[i];
    const f = s ? this.bands.get(s.issued_at) : undefined;
    const issued = instant(s?.issued_at);
    const from = instant(d.from);
    const to = instant(d.to);
    const came = d.came ?? [];
    const doc: Forecast = {
      site: d.site, name: d.name, simulated: d.simulated, now: s?.issued_at ?? d.now, origin: f?.origin ?? null, issued_at: s?.issued_at ?? null,
      valid_until: null, stale: false, forecast_id: s?.forecast_id ?? null, model_version: "", step_seconds: 60, levels: f?.levels ?? [],
      points: (f?.points ?? []).filter((p) => instant(p.at) <= to), history: came, gaps: gaps(d), capacity_rpm: d.capacity_rpm, capacity_history: [], time_zone: d.time_zone,
    }; // prettier-ignore
    const course = fan(doc);
    const c = capacityAt(doc, from);
    const bands = (doc.points ?? []).length > 0;
    this.chart.show({
      doc: { ...doc, capacity_history: c === null ? [] : [{ at: d.from, capacity_rpm: c }] }, fan: course, scale: scale(course, c), zone, now: issued, from, to, actBy: null, stale: false, units: 0,
      recommended: [], peaks: null, nowWord: "said then",
    }); // prettier-ignore
    this.slider.value = String(i);
    const words = s ? `${clock(issued, zone)}, ${s.probability === null ? "" : `${shownPercent(s.probability).text}, `}${s.headline}` : "no forecast";
    this.slider.setAttribute("aria-valuetext", words);
    patch(this.saidLine, [s, zone, this.said.length], () => (s ? [
      "Forecast of ", timeElement(issued, instant(d.to), zone), " ", badge(s.state),
      s.probability === null ? " " : h("span", { class: "chance" }, ` ${shownPercent(s.probability).text} within ${hours(s.horizon_minutes)}: `), h("strong", {}, ...withTimes(s.headline)),
      h("span", { class: "note" }, ` ${i + 1} of ${this.said.length}`),
    ] : ["No forecast of these hours is kept."])); // prettier-ignore
    const entries: [string, string][] = [["observed", "what came"]];
    if (bands) entries.push(["band50", "half"], ["band80", "4 of 5"], ["band95", "19 of 20"], ["median", "middle"]);
    if (c !== null) entries.push(["capacity", `capacity ${grouped(c)} as configured`]);
    if (course.saturated.some(Boolean)) entries.push(["bound", "at least this much: the site was full"]);
    if ((doc.gaps ?? []).length > 0) entries.push(["gap", "no data"]);
    patch(this.legend, entries, () => entries.map(([k, w]) => h("li", {}, swatch(k), w)));
    patch(this.note, bands, () => ["Requests a minute.", bands ? " The bands are what was said then" : null, bands && h("span", { class: "onscreen" }, "; move the slider to see every forecast kept"), bands ? "." : null]);
  }

  // saveCSV is the table as it is shown; what is simulated says so in the file too.
  private saveCSV(): void {
    const d = this.doc;
    const shown = this.rules.querySelector("table");
    if (!d || !shown) return;
    const rows = [...shown.querySelectorAll("tr")].map((tr) => [...tr.children].map((c) => c.textContent?.trim() ?? ""));
    const [head = [], ...rest] = rows;
    const mark = (r: string[], first: boolean) => (d.simulated ? [...r, first ? "data" : "simulated"] : r);
    const name = `review-${d.site}-${clockless(d.from)}${d.simulated ? "-simulated" : ""}.csv`;
    saveFile(name, "text/csv;charset=utf-8", csv([mark(head, true), ...rest.map((r) => mark(r, false))]));
  }
}

function clockless(s: string): string {
  return s.slice(0, 16).replace(/[^0-9]/g, "");
}

function hours(minutes: number): string {
  return minutes % 60 === 0 && minutes > 0 ? `${minutes / 60} h` : `${minutes} min`;
}

// gaps are the minutes of the window nobody counted.
function gaps(d: Review): { from: string; to: string }[] {
  const out: { from: string; to: string }[] = [];
  let last: number | null = null;
  let open: number | null = null;
  const close = (to: number) => {
    if (open !== null) out.push({ from: new Date(open).toISOString(), to: new Date(to).toISOString() });
    open = null;
  };
  for (const p of d.came ?? []) {
    const t = instant(p.at);
    if (last !== null && t - last > minute && open === null) open = last + minute;
    if (p.requests_rpm === null) open ??= t;
    else close(t);
    last = t;
  }
  if (last !== null) close(last + minute);
  return out;
}

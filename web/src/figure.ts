import { FanChart } from "./chart";
import { begins, type CapacityAnswer, type Forecast, type Risk, type Site } from "./documents";
import { countOver } from "./dots";
import { h, patch } from "./element";
import { capacityAt, type Fan, fan, nearest, scale } from "./fan";
import { grouped, range, rate } from "./number";
import type { PlannedEvent } from "./planned";
import { setQuery } from "./shell";
import { actBy, instant, timeElement, when, withTimes } from "./zone";

const minute = 60_000;

// A window looks as far ahead as its name; now stands at 45 % of the width.
export const windows = { "1h": 60, "6h": 360, "24h": 1440 } as const;
export type Window = keyof typeof windows;

export function back(w: Window): number {
  return Math.ceil((windows[w] * 0.45) / 0.55);
}

export function isWindow(s: string | null): s is Window {
  return s !== null && Object.hasOwn(windows, s);
}

export interface Shown {
  risk: Risk;
  forecast: Forecast;
  capacity: CapacityAnswer;
  site: Site;
  window: Window;
  zone: string;
  stale: boolean;
  events: PlannedEvent[];
  expired: boolean; // its time has passed: the bands say nothing any more
}

// Figure is the fan chart with its twins: a native slider that speaks, and a table. One cursor serves all
// three; it is an instant, so it stays where it is while the window moves on.
export class Figure {
  readonly element: HTMLElement;
  private shown: Shown | null = null;
  private fan: Fan | null = null;
  private cursorAt: number | null; // null: follows now
  private readonly choice = h("div", { class: "choice", role: "group", "aria-label": "Hours shown" });
  private readonly chart = new FanChart((at) => this.move(at, false));
  private readonly slider = h<HTMLInputElement>("input", { type: "range", id: "cursor", min: 0, step: 1, "aria-label": "Minute shown" });
  private readonly readout = h("p", { class: "readout", "aria-hidden": "true" });
  private readonly legend = h("ul", { class: "legend" });
  private readonly note = h("p", { class: "note" });
  private readonly sentence = h("p", { class: "sr" });
  private readonly table = h<HTMLDetailsElement>("details", { class: "twin" });
  private readonly tableBody = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of the chart" });

  constructor(choose: (w: Window) => void) {
    const at = instant(new URLSearchParams(location.search).get("at"));
    this.cursorAt = Number.isFinite(at) ? at : null;
    for (const w of Object.keys(windows) as Window[]) {
      this.choice.append(h("button", { type: "button", "data-window": w, click: () => choose(w) }, w.replace("h", " h")));
    }
    this.slider.addEventListener("input", () => this.move(this.from() + Number(this.slider.value) * minute, true));
    this.slider.addEventListener("keydown", (e) => this.key(e));
    this.table.append(h("summary", {}, "Table"), this.tableBody);
    this.table.addEventListener("toggle", () => this.twin());
    this.chart.onLayout = (left, right) => {
      // The middle of the thumb runs from end to end of the plot, so it stands under the cursor's line.
      this.slider.style.marginLeft = `${left - 8}px`;
      this.slider.style.width = `calc(100% - ${left + right - 16}px)`;
    };
    this.element = h(
      "figure",
      { class: "card fan", "aria-labelledby": "caption" },
      h("div", { class: "figurehead" }, h("h2", {}, "Requests a minute"), this.choice),
      this.chart.element,
      this.slider,
      this.readout,
      this.legend,
      h("figcaption", { id: "caption" }, this.sentence, this.note),
      this.table,
    );
  }

  repaint(): void {
    this.chart.repaint();
  }

  show(s: Shown): void {
    const { risk, capacity, site, zone } = s;
    const forecast = s.expired ? { ...s.forecast, points: [] } : s.forecast;
    this.shown = { ...s, forecast };
    const f = fan(forecast);
    this.fan = f;
    this.choose(s.window);
    const now = this.now();
    const c = capacityAt(forecast, now);
    const v = risk.verdict;
    const until = begins(risk, forecast.step_seconds) + v.horizon_minutes * minute;
    const peaks = s.expired ? [] : (risk.peak_dots_rpm ?? []).filter((p) => p !== null);
    const dots = c !== null && peaks.length > 0 && (v.shown_value ?? 0) >= 5; // below, a dot would overstate it
    const decide = Number.isFinite(actBy(risk)) ? actBy(risk) : null;
    const rec = capacity.recommendation;
    const serves = rec?.serves_rpm ?? 0;
    const wanted = rec !== null && rec.would_be_units !== capacity.units_now && serves > 0;
    const plan = (rec?.plan ?? []).flatMap((p) => (p.serves_rpm === null ? [] : [{ at: instant(p.at), rpm: p.serves_rpm }]));
    const recommended = !wanted ? [] : plan.length > 0 ? plan : [{ at: now, rpm: serves }];
    this.chart.show({
      doc: forecast,
      fan: f,
      scale: scale(f, c, Math.max(0, ...recommended.map((p) => p.rpm))),
      zone,
      now,
      from: this.from(),
      to: this.to(),
      actBy: decide,
      stale: s.stale,
      units: risk.units,
      recommended,
      peaks: dots ? { levels: peaks, over: countOver(peaks, risk.breach_dots_minutes ?? [], c), until } : null,
      events: this.inWindow().map((e) => ({ at: instant(e.starts_at), name: e.name })),
    });
    patch(this.sentence, v.sentence, () => withTimes(v.sentence));
    const sustain = site.capacity.sustain_minutes || 3;
    const bands = (forecast.points ?? []).length > 0;
    const compare = bands && c !== null && v.horizon_minutes > 0 && v.shown_percent !== "" && v.sentence.includes(v.shown_percent); // a verdict of something else says no chance
    patch(this.note, [bands, compare, until, sustain, zone], () => [
      bands && "Each minute by itself: half of all minutes end in the darkest band, 4 of 5 in the middle one, 19 of 20 in the widest.",
      ...(compare
        ? [` The chance above is for any ${sustain} minutes in a row over capacity until `, timeElement(until, now, zone), ", so it is higher than the bands suggest."]
        : []),
    ]);
    const entries: [string, string][] = [["observed", "observed"]];
    if (bands) entries.push(["median", "middle"], ["band50", "half"], ["band80", "4 of 5"], ["band95", "19 of 20"]);
    if (c !== null) entries.push(["capacity", "capacity"]);
    if (wanted) entries.push(["recommended", "capacity if followed"]);
    if (decide !== null && decide >= this.from() && decide <= this.to()) entries.push(["actby", "act by"]);
    if (dots) entries.push(["over", "peak over capacity"], ["under", "peak not over"]);
    if ((forecast.gaps ?? []).length > 0) entries.push(["gap", "no data"]);
    const events = this.inWindow();
    this.legend.classList.toggle("stale", s.stale);
    const saturated = f.saturated.some(Boolean);
    patch(this.legend, [entries, saturated, events, zone], () => [
      ...entries.map(([key, words]) => h("li", {}, swatch(key), words)),
      ...events.map((e) => h("li", {}, swatch("event"), timeElement(instant(e.starts_at), now, zone), e.name)),
      saturated && h("li", {}, swatch("bound"), "While the site was full, more may have wanted in than were counted."),
    ]);
    this.slider.max = String(Math.round((this.to() - this.from()) / minute));
    this.follow();
    this.twin();
  }

  // choose marks the window that is, or will be, shown.
  choose(w: Window): void {
    for (const b of this.choice.children) b.setAttribute("aria-pressed", String(b.getAttribute("data-window") === w));
  }

  private now(): number {
    return instant(this.shown?.forecast.now);
  }

  private from(): number {
    return this.now() - back(this.shown?.window ?? "1h") * minute;
  }

  private to(): number {
    return this.now() + windows[this.shown?.window ?? "1h"] * minute;
  }

  private inWindow(): PlannedEvent[] {
    return (this.shown?.events ?? []).filter((e) => instant(e.starts_at) >= this.from() && instant(e.starts_at) <= this.to());
  }

  private move(at: number, keep: boolean): void {
    this.cursorAt = Math.round(at / minute) * minute;
    if (keep) setQuery("at", new Date(this.cursorAt).toISOString().replace(":00.000Z", "Z"));
    this.follow();
  }

  private follow(): void {
    const at = Math.min(this.to(), Math.max(this.from(), this.cursorAt ?? this.now()));
    this.slider.value = String(Math.round((at - this.from()) / minute));
    const words = this.words(at);
    this.slider.setAttribute("aria-valuetext", words);
    patch(this.readout, words, () => withTimes(words));
    this.chart.setCursor(at);
  }

  private key(e: KeyboardEvent): void {
    const by = { PageUp: 10, PageDown: -10 }[e.key];
    if (by === undefined) return;
    e.preventDefault(); // a browser's page is a tenth of the slider, ours is ten minutes
    this.move(this.from() + (Number(this.slider.value) + by) * minute, true);
  }

  // words are what stands at one minute: "15:10 · half the time 1,050–1,700 · 19 in 20: 700–2,900 · capacity 1,200".
  private words(at: number): string {
    const { fan: f, shown } = this;
    if (!f || !shown) return "";
    const { forecast, zone } = shown;
    const time = when(at, this.now(), zone);
    if (f.at.length === 0) return time;
    const i = nearest(f.at, at);
    const near = Math.abs(f.at[i]! - at) <= 5 * minute;
    const q = (b: number) => f.quantiles[b]?.[i] ?? null;
    const [q1, q25, q75, q9] = [q(0), q(2), q(4), q(6)];
    const observed = f.observed[i] ?? null;
    const parts = [time];
    const inGap = (forecast.gaps ?? []).some((g) => instant(g.from) <= at && at < instant(g.to));
    if (near && !inGap && observed !== null) parts.push(`${rate(observed)}${f.saturated[i] ? " or more" : ""} observed`);
    else if (near && q25 !== null && q75 !== null) {
      parts.push(`half the time ${range(q25, q75)}`);
      if (q1 !== null && q9 !== null) parts.push(`19 in 20: ${range(q1, q9)}`);
    } else parts.push(at <= f.origin || inGap ? "no data" : "no forecast");
    const c = capacityAt(forecast, at);
    if (c !== null) parts.push(`capacity ${grouped(c)}`);
    return parts.join(" · ");
  }

  // twin is the chart as a table, built only when it is open; every 5 minutes beyond one hour.
  private twin(): void {
    const { fan: f, shown } = this;
    if (!this.table.open || !f || !shown) return;
    const { forecast, zone } = shown;
    const every = shown.window === "1h" ? 1 : 5;
    const rows = f.at.map((t, i) => [t, i] as const).filter(([t]) => t >= this.from() && t <= this.to() && Math.round(t / minute) % every === 0);
    patch(this.tableBody, [forecast.forecast_id, rows.length, zone, this.from()], () => [
      h(
        "table",
        {},
        h("caption", {}, `Requests a minute at ${shown.risk.name}`),
        h(
          "thead",
          {},
          h("tr", {}, ...["Time", "Observed", "19 of 20 from", "4 of 5 from", "Half from", "Middle", "Half to", "4 of 5 to", "19 of 20 to", "Capacity"].map((t) => h("th", { scope: "col" }, t))),
        ),
        h(
          "tbody",
          {},
          ...rows.map(([t, i]) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, timeElement(t, this.now(), zone)),
              h("td", {}, rate(f.observed[i]) + (f.saturated[i] ? " or more" : "")),
              ...f.quantiles.map((q) => h("td", {}, rate(q[i]))),
              h("td", {}, capacityAt(forecast, t) === null ? "–" : grouped(capacityAt(forecast, t)!)),
            ),
          ),
        ),
      ),
    ]);
  }
}

// swatch is a mark of the chart beside its word.
export function swatch(key: string): Element {
  const svg = h<SVGElement>("svg", { viewBox: "0 0 24 12", width: 24, height: 12, "aria-hidden": "true", class: "swatch" });
  const line = (cls: string) => h<SVGElement>("line", { x1: 0, x2: 24, y1: 6, y2: 6, class: cls });
  if (key.startsWith("band")) svg.append(h<SVGElement>("rect", { x: 0.5, y: 0.5, width: 23, height: 11, class: key }));
  else if (key === "over" || key === "under") svg.append(h<SVGElement>("circle", { cx: 12, cy: 6, r: 4, class: key === "over" ? "dot over" : "dot" }));
  else if (key === "gap") svg.append(h<SVGElement>("path", { d: "M0 12L12 0M6 12L18 0M12 12L24 0", class: "hatch" }));
  else if (key === "event" || key === "draft") svg.append(h<SVGElement>("path", { d: "M12 1l5 5l-5 5l-5 -5z", class: key === "draft" ? "event draft" : "event" }));
  else if (key === "outline") svg.append(h<SVGElement>("rect", { x: 0.5, y: 0.5, width: 23, height: 11, class: "outlined" }));
  else if (key === "hatched") svg.append(h<SVGElement>("path", { d: "M0 12L12 0M6 12L18 0M12 12L24 0", class: "hatch drafted" }), h<SVGElement>("rect", { x: 0.5, y: 0.5, width: 23, height: 11, class: "drafted" }));
  else if (key === "bound") svg.append(h<SVGElement>("path", { d: "M8 9h8l-4-6z", class: "bound" }), h<SVGElement>("line", { x1: 0, x2: 24, y1: 11, y2: 11, class: "observedline" }));
  else if (key === "actby") svg.append(h<SVGElement>("line", { x1: 12, x2: 12, y1: 0, y2: 12, class: "actby" }));
  else svg.append(line(`${key}line`));
  return svg;
}

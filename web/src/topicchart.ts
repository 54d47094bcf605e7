import { h, patch } from "./element";
import { feedName } from "./feedname";
import { amount, type Kind, kinds, type Series, type SourceMentions } from "./topicseries";
import { clock, ticks, timeElement } from "./zone";

// TopicChart is one source's talk: three lines in one hue, told apart by how they are drawn, on a scale of
// their own; holes stay holes. Its twins are a native slider that speaks and a table.

export interface TopicView {
  source: SourceMentions;
  series: Series;
  from: number;
  to: number;
  now: number;
  zone: string;
  tickMinutes: number;
  large: boolean;
}

const names: Record<Kind, string> = { raw: "raw", organic: "organic", authors: "authors" };
let made = 0;

export class TopicChart {
  readonly element: HTMLElement;
  private view: TopicView | null = null;
  private cursor: number | null = null;
  private readonly id = `talk${++made}`;
  private readonly title = h("h3", { id: `${this.id}-h` });
  private readonly rate = h("span", { class: "talkrate" });
  private readonly legend = h("ul", { class: "legend" });
  private readonly grow: HTMLButtonElement;
  private readonly plot = h("div", { class: "talkplot", "aria-hidden": "true" });
  private readonly svg = h<SVGSVGElement>("svg", {});
  private readonly slider = h<HTMLInputElement>("input", { type: "range", min: 0, step: 1 });
  private readonly readout = h("p", { class: "readout", "aria-hidden": "true" });
  private readonly notes = h("p", { class: "note" });
  private readonly table = h<HTMLDetailsElement>("details", { class: "twin" });
  private readonly tableBody = h("div", { class: "scroll", tabindex: "0", role: "region" });

  constructor(
    private readonly point: (at: number) => void,
    toggle: () => void,
  ) {
    this.grow = h<HTMLButtonElement>("button", { type: "button", class: "small", click: toggle });
    this.plot.append(this.svg);
    this.plot.addEventListener("click", (e) => {
      const v = this.view;
      const box = this.plot.getBoundingClientRect();
      if (!v || box.width < 40) return;
      const left = this.left();
      point(v.from + ((v.to - v.from) * Math.min(1, Math.max(0, e.clientX - box.left - left))) / (box.width - left - 8));
      if (matchMedia("(max-width: 45rem)").matches && !v.large) toggle(); // a small chart under a thumb grows
    });
    this.slider.addEventListener("input", () => this.choose(Number(this.slider.value)));
    this.slider.addEventListener("keydown", (e) => this.key(e));
    this.table.append(h("summary", {}, "Table"), this.tableBody);
    this.table.addEventListener("toggle", () => this.twin());
    this.element = h(
      "figure",
      { class: "card talk", "aria-labelledby": `${this.id}-h` },
      h("div", { class: "figurehead" }, h("div", { class: "talkname" }, this.title, this.rate), this.grow),
      this.legend,
      this.plot,
      this.slider,
      this.readout,
      h("figcaption", {}, this.notes),
      this.table,
    );
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  show(v: TopicView, cursor: number | null): void {
    this.view = v;
    this.cursor = cursor;
    const { series: s, source, now, zone } = v;
    const name = feedName(source.source);
    patch(this.title, name, () => [name]);
    const now5 = source.recent;
    patch(this.rate, [now5.organic, s.unit], () => [`${amount(now5.organic)} ${s.unit}`]);
    patch(this.legend, now5, () => kinds.map((k) => h("li", {}, swatch(k), `${names[k]} ${amount(now5[k])}`)));
    this.grow.textContent = v.large ? "Smaller" : "Larger";
    this.grow.setAttribute("aria-label", `${v.large ? "Smaller" : "Larger"}: ${name}`);
    this.element.classList.toggle("large", v.large);
    this.slider.max = String(Math.max(0, s.at.length - 1));
    this.slider.setAttribute("aria-label", `Minute shown, ${name}`);
    this.tableBody.setAttribute("aria-label", `Table of ${name}`);
    patch(this.notes, [s.gaps, s.since, s.through, zone, source.simulated], () => {
      const out: (Node | string)[] = [];
      for (const g of s.gaps) {
        const open = g.to >= v.to - s.stepMS;
        out.push(open ? "Not counted since " : "Not counted ", timeElement(g.from, now, zone), ...(open ? [] : ["–", timeElement(g.to, now, zone)]), ". Missing, not zero. ");
      }
      if (s.through !== null) out.push("Counts up to ", timeElement(s.through, now, zone), ". ");
      if (s.since !== null) out.push("Counted since ", timeElement(s.since, now, zone), ". ");
      if (source.simulated) out.push("Simulated mentions.");
      return out;
    });
    this.speak();
    this.draw();
    this.twin();
  }

  private key(e: KeyboardEvent): void {
    const step = e.key === "PageUp" ? 10 : e.key === "PageDown" ? -10 : 0;
    if (step === 0) return;
    e.preventDefault();
    this.choose(Math.min(Number(this.slider.max), Math.max(0, Number(this.slider.value) + step)));
  }

  private choose(i: number): void {
    const at = this.view?.series.at[i];
    if (at !== undefined) this.point(at);
  }

  // index is the bucket the cursor stands on; without one, the last that was counted.
  private index(): number {
    const s = this.view?.series;
    if (!s || s.at.length === 0) return 0;
    if (this.cursor === null) {
      const last = s.values.raw.findLastIndex((x) => x !== null);
      return last < 0 ? s.at.length - 1 : last;
    }
    return Math.min(s.at.length - 1, Math.max(0, Math.floor((this.cursor - s.at[0]!) / s.stepMS)));
  }

  private speak(): void {
    const v = this.view;
    if (!v) return;
    const i = this.index();
    this.slider.value = String(i);
    const at = v.series.at[i];
    if (at === undefined) return;
    const raw = v.series.values.raw[i];
    const words = raw === null || raw === undefined ? "not counted" : kinds.map((k) => `${names[k]} ${amount(v.series.values[k][i])}`).join(" · ");
    this.slider.setAttribute("aria-valuetext", `${clock(at, v.zone)} · ${words}`);
    patch(this.readout, [at, v.zone, words], () => [timeElement(at, v.now, v.zone), ` · ${words}`]);
  }

  private left(): number {
    return 2.75 * (Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16);
  }

  private draw(): void {
    const v = this.view;
    const { width, height } = this.plot.getBoundingClientRect();
    if (!v || width < 40 || height < 30) return;
    const em = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
    const left = this.left();
    const right = width - 8;
    const top = 0.5 * em;
    const bottom = height - 1.4 * em;
    const s = v.series;
    const highest = Math.max(1, ...kinds.flatMap((k) => s.values[k].filter((x): x is number => x !== null)));
    const ceiling = nice(highest);
    const x = (t: number) => left + ((t - v.from) / (v.to - v.from)) * (right - left);
    const y = (n: number) => bottom - (n / ceiling) * (bottom - top);
    const parts: Element[] = [];
    const text = (px: number, py: number, anchor: string, words: string) => parts.push(h("text", { x: px, y: py, "text-anchor": anchor }, words));
    for (const level of [0, ceiling / 2, ceiling]) {
      if (level === ceiling / 2 && bottom - top < 4 * em) continue;
      parts.push(h("line", { x1: left, x2: right, y1: y(level), y2: y(level), class: "gridline" }));
      text(left - 0.4 * em, y(level) + 0.28 * em, "end", amount(level));
    }
    for (const t of ticks(v.from, v.to, v.tickMinutes, v.zone)) {
      const px = x(t);
      parts.push(h("line", { x1: px, x2: px, y1: bottom, y2: bottom + 4, class: "tickmark" }));
      if (px > left + 1.2 * em && px < right - 1.2 * em) text(px, bottom + 1.2 * em, "middle", clock(t, v.zone));
    }
    for (const g of s.gaps) {
      const [a, b] = [Math.max(left, x(g.from)), Math.min(right, x(g.to))];
      let d = "";
      for (let px = a; px < b; px += 5) d += `M${px.toFixed(1)} ${bottom}L${Math.min(b, px + 10).toFixed(1)} ${(bottom - Math.min(10, b - px)).toFixed(1)}`;
      parts.push(h("path", { d, class: "hatch" }), h("line", { x1: a, x2: a, y1: top, y2: bottom, class: "gapedge" }), h("line", { x1: b, x2: b, y1: top, y2: bottom, class: "gapedge" }));
    }
    for (const k of ["authors", "raw", "organic"] as const) {
      let d = "";
      let pen = false;
      s.values[k].forEach((value, i) => {
        if (value === null) {
          pen = false;
          return;
        }
        const alone = !pen && (s.values[k][i + 1] ?? null) === null;
        const px = x(s.at[i]! + s.stepMS / 2).toFixed(1);
        d += `${pen ? "L" : "M"}${px} ${y(value).toFixed(1)}${alone ? "h.1" : ""}`;
        pen = true;
      });
      parts.push(h("path", { d, class: `talkline ${k}` }));
    }
    const at = s.at[this.index()];
    if (at !== undefined) {
      const px = x(at + s.stepMS / 2);
      parts.push(h("line", { x1: px, x2: px, y1: top, y2: bottom, class: "cursor" }));
    }
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...parts);
    this.slider.style.marginLeft = `${left - 8}px`;
    this.slider.style.width = `calc(100% - ${left + 8 - 16}px)`;
  }

  private twin(): void {
    const v = this.view;
    if (!v || !this.table.open) return;
    const s = v.series;
    const every = Math.max(1, Math.ceil(s.at.length / 72)); // a table of a day's minutes is read by nobody
    patch(this.tableBody, [s.at[0], s.at.length, s.values, v.zone], () => [
      h(
        "table",
        {},
        h("caption", {}, `Mentions ${s.unit}, ${feedName(v.source.source)}`),
        h("thead", {}, h("tr", {}, ...["time", ...kinds].map((c) => h("th", { scope: "col" }, c)))),
        h(
          "tbody",
          {},
          ...s.at.flatMap((at, i) =>
            i % every !== 0
              ? []
              : [h("tr", {}, h("th", { scope: "row" }, timeElement(at, v.now, v.zone)), ...kinds.map((k) => h("td", {}, s.values.raw[i] === null ? "not counted" : amount(s.values[k][i]))))],
          ),
        ),
      ),
    ]);
  }
}

function swatch(k: Kind): Element {
  return h("svg", { class: "swatch", viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" }, h("path", { d: "M1 4H27", class: `talkline ${k}` }));
}

// nice is the next of 1, 2, 4, 5, 10, … at or above x: half of it is a round number too.
function nice(x: number): number {
  const unit = 10 ** Math.floor(Math.log10(x));
  return ([1, 2, 4, 6, 8, 10].find((m) => m * unit >= x - 1e-9) ?? 10) * unit;
}


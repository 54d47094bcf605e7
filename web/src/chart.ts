import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Forecast } from "./documents";
import { type Dot, peakDots } from "./dots";
import { h } from "./element";
import { capacityAt, capacitySteps, type Fan, levelTicks, type Scale } from "./fan";
import { grouped, significant } from "./number";
import { abbreviation, clock, day, instant, ticks } from "./zone";

// FanChart draws what was, what may come and where the limit is. uPlot paints the plot; every word is
// text in the page (an SVG laid over it), so it follows zoom, theme and forced colours, and axe sees it.
// The picture is hidden from screen readers: its twin is the range slider and the table beside it.

export interface View {
  doc: Forecast;
  fan: Fan;
  scale: Scale;
  zone: string;
  now: number;
  from: number;
  to: number;
  actBy: number | null;
  stale: boolean;
  units: number;
  recommended: { at: number; rpm: number }[]; // steps of the plan
  peaks: { levels: number[]; over: number; until: number } | null;
  events?: Mark[];
  other?: Band | null; // a second course, hatched; the first is then drawn as an outline
  nowWord?: string; // what the line of now stands for, where it is not now
}

// Mark is a planned event; a draft is filled, and can be dragged where onDrag is set.
export interface Mark {
  at: number;
  name: string;
  draft?: boolean;
}

// Band is a course of its own: its middle, and where 19 of 20 end.
export interface Band {
  at: number[]; // milliseconds
  low: (number | null)[];
  middle: (number | null)[];
  high: (number | null)[];
}

const names = [
  "band95", "band80", "band50", "band95-stale", "band80-stale", "band50-stale",
  "edge", "median", "capacity", "observed", "hairline", "surface", "ink2", "unknown", "event",
] as const; // prettier-ignore
type Colours = Record<(typeof names)[number], string>;

interface Box {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
  em: number;
  words: number; // room for the words of the bands, 0: none
}

export class FanChart {
  readonly element = h<HTMLDivElement>("div", { class: "chart", "aria-hidden": "true" });
  private readonly canvas = h<HTMLDivElement>("div", { class: "plot" });
  private readonly overlay = h<SVGSVGElement>("svg", { class: "overlay" });
  private readonly cursorLine = h<SVGLineElement>("line", { class: "cursor", visibility: "hidden" });
  private plot: uPlot | null = null;
  private view: View | null = null;
  private colours: Colours | null = null;
  private box: Box = { width: 0, height: 0, left: 0, right: 0, top: 0, bottom: 0, em: 16, words: 0 };
  private cursor: number | null = null;
  // onLayout tells how far the plot is from the left and right of the element, for what stands below it.
  onLayout: (left: number, right: number) => void = () => {};
  // onDrag is told where the draft is dragged to, and at last that it is let go.
  onDrag: ((at: number, done: boolean) => void) | null = null;
  private dragging = false;

  constructor(onPoint: (at: number) => void) {
    this.element.append(this.canvas, this.overlay);
    const point = (e: PointerEvent) => {
      if (this.drag(e)) return;
      if (e.pointerType === "touch" && e.type === "pointermove") return; // a finger that moves scrolls
      const v = this.view;
      const x = e.clientX - this.element.getBoundingClientRect().left - this.box.left;
      const width = this.box.width - this.box.left - this.box.right;
      if (v && x >= 0 && x <= width) onPoint(v.from + ((v.to - v.from) * x) / width);
    };
    this.element.addEventListener("pointermove", point);
    this.element.addEventListener("pointerdown", point);
    this.element.addEventListener("pointerup", (e) => this.drag(e));
    this.element.addEventListener("pointercancel", () => (this.dragging = false));
    new ResizeObserver(() => this.draw()).observe(this.element);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.repaint());
    }
  }

  // drag reports whether the pointer is with the draft.
  private drag(e: PointerEvent): boolean {
    const v = this.view;
    const draft = v?.events?.find((m) => m.draft);
    if (!v || !draft || !this.onDrag) return false;
    const x = e.clientX - this.element.getBoundingClientRect().left;
    const near = Math.abs(x - this.x(draft.at)) < 16;
    if (!this.dragging) this.element.style.cursor = near ? "ew-resize" : "";
    if (e.type === "pointerdown" && near) {
      this.dragging = true;
      this.element.setPointerCapture(e.pointerId);
    }
    if (!this.dragging) return false;
    const width = this.box.width - this.box.left - this.box.right;
    const at = v.from + ((v.to - v.from) * Math.min(width, Math.max(0, x - this.box.left))) / width;
    if (e.type === "pointerup") this.dragging = false;
    this.onDrag(at, !this.dragging);
    return true;
  }

  // repaint reads the colours anew: the canvas keeps the ones it was drawn with.
  repaint(): void {
    this.colours = null;
    this.draw();
  }

  show(view: View): void {
    this.view = view;
    this.draw();
  }

  setCursor(at: number | null): void {
    this.cursor = at;
    this.placeCursor();
  }

  private colour(name: (typeof names)[number]): string {
    if (!this.colours) {
      const style = getComputedStyle(document.documentElement);
      this.colours = Object.fromEntries(names.map((n) => [n, style.getPropertyValue(`--${n}`).trim()])) as Colours;
    }
    return this.colours[name];
  }

  private measure(v: View): boolean {
    const { width, height } = this.element.getBoundingClientRect();
    if (width < 40 || height < 40) return false; // folded away or not laid out yet
    const em = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
    const narrow = width < 36 * em;
    const words = narrow ? 0 : 4.25 * em;
    const dots = v.peaks ? (narrow ? 4.25 : 7) * em : 0.75 * em;
    this.box = {
      width,
      height,
      em,
      words,
      left: (narrow ? 2.75 : 3.5) * em,
      right: words + dots,
      top: 1.75 * em,
      bottom: 1.75 * em,
    };
    return true;
  }

  private x(at: number): number {
    const { box, view } = this;
    if (!view) return 0;
    return box.left + ((at - view.from) / (view.to - view.from)) * (box.width - box.left - box.right);
  }

  private y(level: number): number {
    const { box, view } = this;
    if (!view) return 0;
    return box.height - box.bottom - (level / view.scale.top) * (box.height - box.top - box.bottom);
  }

  private draw(): void {
    const v = this.view;
    if (!v || !this.measure(v)) return;
    const { box } = this;
    const width = Math.round(box.width - box.left - box.right);
    const height = Math.round(box.height - box.top - box.bottom);
    const f = v.fan;
    const top = v.scale.top;
    // Cut here, not by the scale: a value far outside the canvas makes the path join at odd angles.
    const cut = (xs: (number | null)[] | undefined) => (xs ?? []).map((q) => (q === null ? null : Math.min(q, top)));
    const data: uPlot.AlignedData = [
      f.at.map((t) => t / 1000),
      cut(f.quantiles[6]), cut(f.quantiles[0]), cut(f.quantiles[5]), cut(f.quantiles[1]),
      cut(f.quantiles[4]), cut(f.quantiles[2]), cut(f.quantiles[3]), cut(f.observed),
    ]; // prettier-ignore
    this.canvas.style.left = `${box.left}px`;
    this.canvas.style.top = `${box.top}px`;
    this.onLayout(box.left, box.right);
    if (!this.plot) {
      this.plot = new uPlot(this.options(width, height), data, this.canvas);
    } else {
      if (this.plot.width !== width || this.plot.height !== height) this.plot.setSize({ width, height });
      this.plot.setData(data);
    }
    this.label();
  }

  private options(width: number, height: number): uPlot.Options {
    const outlined = () => !!this.view?.other;
    // Forecasts are kept more thinly than minutes: a minute without a band is none of its gaps.
    const edge: uPlot.Series = { stroke: () => this.colour("edge"), width: 1, spanGaps: true, points: { show: false } };
    const inner: uPlot.Series = { stroke: () => (outlined() ? "transparent" : this.colour("edge")), width: 0.5, spanGaps: true, points: { show: false } };
    const fill = (name: "band95" | "band80" | "band50") => () =>
      outlined() ? "transparent" : this.colour(this.view?.stale ? (`${name}-stale` as const) : name);
    return {
      width,
      height,
      padding: [0, 0, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      axes: [{ show: false }, { show: false }],
      scales: {
        x: { time: true, range: () => [(this.view?.from ?? 0) / 1000, (this.view?.to ?? 1) / 1000] },
        y: { range: () => [0, this.view?.scale.top ?? 1] },
      },
      series: [
        {},
        edge, edge, inner, inner, inner, inner,
        { stroke: () => this.colour("median"), width: 1.5, dash: [1.5, 3.5], cap: "round", spanGaps: true, points: { show: false } },
        { stroke: () => this.colour("observed"), width: 2, spanGaps: false, points: { show: false } },
      ], // prettier-ignore
      bands: [
        { series: [1, 2], fill: fill("band95") },
        { series: [3, 4], fill: fill("band80") },
        { series: [5, 6], fill: fill("band50") },
      ],
      hooks: {
        drawClear: [(u) => this.background(u)],
        // Behind what was observed, before the bands' end: capacity is laid over bands and median.
        drawSeries: [(u, i) => i === 7 && (this.otherBand(u), this.limits(u))],
        draw: [(u) => this.bounds(u)],
      },
    };
  }

  private background(u: uPlot): void {
    const v = this.view;
    if (!v) return;
    const { ctx } = u;
    const { left, top, width, height } = u.bbox;
    ctx.save();
    ctx.strokeStyle = this.colour("hairline");
    ctx.lineWidth = uPlot.pxRatio;
    for (const level of levelTicks(v.scale.top)) {
      const y = Math.round(u.valToPos(level, "y", true)) + 0.5;
      ctx.beginPath();
      ctx.moveTo(left, y);
      ctx.lineTo(left + width, y);
      ctx.stroke();
    }
    // A gap has a hatched floor: it is neither zero nor a line drawn across.
    ctx.strokeStyle = this.colour("unknown");
    for (const g of v.doc.gaps ?? []) {
      const a = Math.max(left, u.valToPos(instant(g.from) / 1000, "x", true));
      const b = Math.min(left + width, u.valToPos(instant(g.to) / 1000, "x", true));
      if (b <= a) continue;
      const tall = 12 * uPlot.pxRatio;
      ctx.save();
      ctx.beginPath();
      ctx.rect(a, top + height - tall, b - a, tall);
      ctx.clip();
      ctx.beginPath();
      for (let x = a - tall; x < b; x += 5 * uPlot.pxRatio) {
        ctx.moveTo(x, top + height);
        ctx.lineTo(x + tall, top + height - tall);
      }
      ctx.stroke();
      ctx.restore();
    }
    ctx.restore();
  }

  private steps(u: uPlot, steps: { at: number; rpm: number }[], from: number, width: number, dash: number[]): void {
    const { ctx } = u;
    const path = new Path2D();
    const end = u.bbox.left + u.bbox.width;
    steps.forEach((s, i) => {
      const next = steps[i + 1];
      const x = Math.max(from, u.valToPos(s.at / 1000, "x", true));
      const to = next ? Math.min(end, u.valToPos(next.at / 1000, "x", true)) : end;
      const y = u.valToPos(Math.min(s.rpm, this.view?.scale.top ?? s.rpm), "y", true);
      if (to < from || x > end) return;
      if (i === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
      path.lineTo(to, y);
    });
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    // Casing: contrast never depends on the band below. It follows the dashes, so that the band shows between.
    const around = 1.25;
    ctx.lineWidth = (width + 2 * around) * uPlot.pxRatio;
    ctx.strokeStyle = this.colour("surface");
    const [on = 0, off = 0] = dash;
    ctx.setLineDash([on + 2 * around, Math.max(0, off - 2 * around)].map((d) => d * uPlot.pxRatio));
    ctx.lineDashOffset = around * uPlot.pxRatio;
    ctx.stroke(path);
    ctx.lineDashOffset = 0;
    ctx.lineWidth = width * uPlot.pxRatio;
    ctx.strokeStyle = this.colour("capacity");
    ctx.setLineDash(dash.map((d) => d * uPlot.pxRatio));
    ctx.stroke(path);
    ctx.restore();
  }

  // otherBand is the second course: hatched, so that it differs from the outline in grey print too.
  private otherBand(u: uPlot): void {
    const b = this.view?.other;
    if (!b) return;
    const { ctx } = u;
    const { left, top, width, height } = u.bbox;
    const most = this.view?.scale.top ?? 1;
    const px = (i: number) => u.valToPos(b.at[i]! / 1000, "x", true);
    const py = (v: number) => u.valToPos(Math.min(v, most), "y", true);
    const known = b.at.flatMap((_, i) => (b.low[i] != null && b.high[i] != null && b.middle[i] != null ? [i] : []));
    if (known.length < 2) return;
    const line = (of: (number | null)[], back: boolean, path: Path2D, join: boolean) =>
      (back ? [...known].reverse() : known).forEach((i, k) => (k === 0 && !join ? path.moveTo(px(i), py(of[i]!)) : path.lineTo(px(i), py(of[i]!))));
    const area = new Path2D();
    line(b.high, false, area, false);
    line(b.low, true, area, true);
    area.closePath();
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.setLineDash([]); // the series before may have left its own
    ctx.strokeStyle = this.colour("event");
    ctx.save();
    ctx.clip(area);
    ctx.lineWidth = 0.75 * uPlot.pxRatio;
    ctx.beginPath();
    for (let x = left - height; x < left + width; x += 6 * uPlot.pxRatio) {
      ctx.moveTo(x, top + height);
      ctx.lineTo(x + height, top);
    }
    ctx.stroke();
    ctx.restore();
    for (const [of, wide] of [[b.high, 1.25], [b.low, 1.25], [b.middle, 2]] as const) {
      const path = new Path2D();
      line(of, false, path, false);
      ctx.lineWidth = wide * uPlot.pxRatio;
      ctx.stroke(path);
    }
    ctx.restore();
  }

  // bounds marks what came while the site was full: little arrows upwards, for it was that much or more.
  private bounds(u: uPlot): void {
    const v = this.view;
    if (!v) return;
    const { ctx } = u;
    const size = 3.5 * uPlot.pxRatio;
    let last = Number.NEGATIVE_INFINITY;
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    ctx.fillStyle = this.colour("observed");
    v.fan.saturated.forEach((full, i) => {
      const y = v.fan.observed[i];
      if (!full || y == null) return;
      const x = u.valToPos(v.fan.at[i]! / 1000, "x", true);
      if (x - last < 4 * size) return;
      last = x;
      const at = u.valToPos(Math.min(y, v.scale.top), "y", true) - size;
      ctx.beginPath();
      ctx.moveTo(x - size, at);
      ctx.lineTo(x + size, at);
      ctx.lineTo(x, at - 1.6 * size);
      ctx.fill();
    });
    ctx.restore();
  }

  private limits(u: uPlot): void {
    const v = this.view;
    if (!v) return;
    const x = (at: number) => u.valToPos(at / 1000, "x", true);
    if (v.recommended.length > 0) this.steps(u, v.recommended, x(v.now), 1.5, [1.5, 3]);
    const c = capacityAt(v.doc, v.from);
    if (c !== null) {
      const later = capacitySteps(v.doc).filter((s) => s.at > v.from);
      this.steps(u, [{ at: v.from, rpm: c }, ...later], u.bbox.left, 2, [8, 5]);
    }
  }

  private label(): void {
    const v = this.view;
    if (!v) return;
    const { box } = this;
    const { em } = box;
    const right = box.width - box.right;
    const bottom = box.height - box.bottom;
    const parts: (SVGElement | null)[] = [];
    const text = (x: number, y: number, anchor: "start" | "middle" | "end", cls: string, words: string) =>
      h<SVGElement>("text", { x, y, "text-anchor": anchor, class: cls }, words);
    const line = (x1: number, y1: number, x2: number, y2: number, cls: string) =>
      h<SVGElement>("line", { x1, y1, x2, y2, class: cls });

    for (const level of levelTicks(v.scale.top)) {
      parts.push(text(box.left - 0.4 * em, this.y(level) + 0.28 * em, "end", "tick", grouped(level)));
    }

    // The densest step whose labels have room.
    const perMS = (right - box.left) / (v.to - v.from);
    const step = [5, 10, 15, 30, 60, 120, 180, 240, 360].find((m) => m * 60_000 * perMS >= 4.2 * em) ?? 720;
    for (const t of ticks(v.from, v.to, step, v.zone)) {
      const x = this.x(t);
      const words = clock(t, v.zone);
      parts.push(line(x, bottom, x, bottom + 4, "tickmark"));
      if (x < box.left + 0.5 * em || x > right - 0.9 * em) continue;
      parts.push(text(x, bottom + 1.15 * em, "middle", "tick", words === "00:00" ? day(t, v.zone) : words));
    }
    parts.push(text(box.width - 2, bottom + 1.15 * em, "end", "tick", abbreviation(v.to, v.zone)));

    for (const g of v.doc.gaps ?? []) {
      const a = Math.max(v.from, instant(g.from));
      const b = Math.min(v.to, instant(g.to));
      if (b <= a) continue;
      const words = `no data ${clock(instant(g.from), v.zone)}–${clock(instant(g.to), v.zone)}`;
      const half = words.length * 0.25 * em;
      // What was not counted lies before now: its words stay on that side of the line, where they have room.
      const nowX = this.x(v.now);
      const end = b <= v.now && nowX - half > box.left + half ? Math.min(right, nowX - 0.3 * em) : right;
      const x = Math.min(end - half, Math.max(box.left + half, (this.x(a) + this.x(b)) / 2));
      // In a narrow chart words much wider than the gap would lie on the line of what came; its hatching is in the legend.
      const least = box.words > 0 ? 0.8 * em : Math.max(0.8 * em, half / 2);
      if (this.x(b) - this.x(a) > least) parts.push(text(x, bottom - 1.1 * em, "middle", "note cased", words));
    }

    if (v.scale.clipped !== null) {
      const words = `▲ 19 of 20 reaches ${grouped(significant(v.scale.clipped, 2, 1))}`;
      // An event's diamond and name stand in the same lane: then a lane below.
      const crowded = v.events?.some((m) => m.at <= v.to && this.x(m.at) > right - (words.length * 0.55 + 1) * em);
      parts.push(text(right - 0.3 * em, box.top + (crowded ? 2.3 : 1) * em, "end", "note cased", words));
    }

    const c = capacityAt(v.doc, v.now);
    let capacityWords: SVGElement | null = null;
    if (c !== null) {
      const y = this.y(c);
      // Above the line, unless it runs along the top edge.
      const above = y - box.top > 1.6 * em;
      const base = above ? y - 0.45 * em : y + 1.15 * em;
      // A line would run through them: then they begin behind it, or are shorter, or stand on what came; over a line
      // only where no place has room. They never stand over a capacity of before.
      const steps = capacitySteps(v.doc).filter((s, i, all) => s.rpm !== all[i - 1]?.rpm).map((s) => s.at).filter((t) => t > v.from && t < v.to);
      const first = Math.max(box.left, ...steps.filter((t) => t <= v.now).map((t) => this.x(t)));
      const lines = [...steps, v.now, ...(v.actBy === null ? [] : [v.actBy])].map((t) => this.x(t));
      const came = v.fan.at.flatMap((t, i) => (v.fan.observed[i] == null ? [] : [[this.x(t), this.y(v.fan.observed[i]!)] as const]));
      const width = (w: string) => w.length * 0.5 * em + 0.8 * em;
      const free = (x: number, w: string) => x >= first && x + width(w) <= right && !lines.some((l) => l > x && l < x + width(w));
      const clear = (x: number, w: string) => !came.some(([cx, cy]) => cx > x && cx < x + width(w) && cy > base - em && cy < base + 0.35 * em);
      const short = `capacity ${grouped(c)}`;
      const choices = (v.units > 0 && box.words > 0 ? [`${short} (${v.units} units)`, short] : [short, grouped(c)]).flatMap((w) => [first, ...lines].map((x) => [x, w] as const));
      const [x, words] = choices.find(([x, w]) => free(x, w) && clear(x, w)) ?? choices.find(([x, w]) => free(x, w)) ?? [first + width(choices[0]![1]) <= right ? first : box.left, choices[0]![1]];
      capacityWords = text(x + 0.4 * em, base, "start", "capacity cased", words);
      if (v.peaks) parts.push(line(right + box.words, y, box.width, y, "capacityline"));
      parts.push(...this.peaks(right, c));
    }
    parts.push(...this.bandWords(right));

    const nowX = this.x(v.now);
    if (v.now >= v.from && v.now <= v.to) {
      parts.push(line(nowX, box.top, nowX, bottom, "now"));
      const after = v.actBy !== null && v.actBy < v.now; // the flag of a past act-by hangs on the other side
      parts.push(text(nowX + (after ? 4 : -4), box.top - 0.5 * em, after ? "start" : "end", "nowlabel", v.nowWord ?? "now"));
    }
    if (v.actBy !== null && v.actBy >= v.from && v.actBy <= v.to) {
      const x = this.x(v.actBy);
      const words = `act by ${clock(v.actBy, v.zone)}`;
      const end = v.actBy < v.now || x + (words.length * 0.55 + 1) * em > box.width;
      parts.push(
        line(x, box.top, x, bottom, "actby casing"),
        line(x, box.top, x, bottom, "actby"),
        h<SVGElement>("path", { d: `M${x - 5} ${box.top - 8}h10l-5 8z`, class: "flag" }),
        text(x + (end ? -8 : 8), box.top - 0.5 * em, end ? "end" : "start", "actbylabel cased", words),
      );
    }
    parts.push(capacityWords, ...this.eventMarks(right), this.cursorLine);
    this.overlay.replaceChildren(...parts.filter((p): p is SVGElement => p !== null));
    this.placeCursor();
  }

  // eventMarks stand in a lane under the top edge; a name that has no room is left to the list below.
  private eventMarks(right: number): SVGElement[] {
    const v = this.view;
    const { box } = this;
    const { em } = box;
    const shown = (v?.events ?? []).filter((m) => v && m.at >= v.from && m.at <= v.to).sort((a, b) => a.at - b.at);
    const out: SVGElement[] = [];
    const y = box.top + 0.8 * em;
    shown.forEach((m, i) => {
      const x = this.x(m.at);
      const next = shown[i + 1];
      const before = shown[i - 1];
      const wide = m.name.length * 0.55 * em + 1.4 * em;
      const lines = v ? [v.now, ...(v.actBy === null ? [] : [v.actBy])].map((t) => this.x(t)) : []; // no name is struck through
      const room = Math.min(next ? this.x(next.at) : right, v?.scale.clipped != null ? right - 12 * em : right, ...lines.filter((l) => l > x)) - x;
      const roomBefore = x - Math.max(before ? this.x(before.at) + before.name.length * 0.55 * em + em : box.left, ...lines.filter((l) => l < x));
      const side = wide < room ? "start" : wide < roomBefore ? "end" : null;
      const cls = m.draft ? "event draft" : "event";
      out.push(
        h<SVGElement>("line", { x1: x, x2: x, y1: y, y2: box.height - box.bottom, class: cls }),
        h<SVGElement>("path", { d: `M${x} ${y - 6}l6 6l-6 6l-6 -6z`, class: cls }),
      );
      if (m.name && side) out.push(h<SVGElement>("text", { x: x + (side === "start" ? 0.7 : -0.7) * em, y: y + 0.28 * em, "text-anchor": side, class: "eventname cased" }, m.name));
    });
    return out;
  }

  // bandWords stand at the bands' right end, pushed apart where the bands are thin.
  private bandWords(right: number): SVGElement[] {
    const v = this.view;
    if (!v || this.box.words === 0) return [];
    const { em } = this.box;
    const last = v.fan.at.findLastIndex((t, i) => t <= v.to && v.fan.quantiles[3]?.[i] != null);
    if (last < 0) return [];
    const q = (b: number) => v.fan.quantiles[b]?.[last] ?? null;
    const y = (level: number) => this.y(Math.min(level, v.scale.top));
    const wanted: { y: number; words: string }[] = [];
    const add = (upper: number | null, lower: number | null, words: string) => {
      if (upper !== null && lower !== null) wanted.push({ y: (y(upper) + y(lower)) / 2, words });
    };
    add(q(6), q(5), "19 of 20");
    if (!v.other) {
      add(q(5), q(4), "4 of 5");
      add(q(4), q(2), "half");
    }
    const gap = 1.05 * em;
    let floor = this.box.top - gap * 0.4;
    for (const w of wanted) {
      w.y = Math.max(w.y, floor + gap);
      floor = w.y;
    }
    let ceiling = this.box.height - this.box.bottom + gap * 0.7;
    for (const w of wanted.reverse()) {
      w.y = Math.min(w.y, ceiling - gap);
      ceiling = w.y;
    }
    return wanted.map((w) =>
      h<SVGElement>("text", { x: right + 0.35 * em, y: w.y + 0.28 * em, "text-anchor": "start", class: "bandword cased" }, w.words),
    );
  }

  private peaks(right: number, capacity: number): SVGElement[] {
    const v = this.view;
    if (!v?.peaks) return [];
    const { box } = this;
    const { em } = box;
    const bottom = box.height - box.bottom;
    const left = right + box.words + 0.3 * em;
    const width = box.width - left - 2;
    const { levels, over } = v.peaks;
    const pitch = box.words > 0 ? 10 : 8;
    const yOf = (level: number) => this.y(Math.min(level, v.scale.top));
    const dots = peakDots(levels, over, yOf, this.y(capacity), box.top, bottom, width, pitch);
    const until = clock(v.peaks.until, v.zone);
    const wide = box.words > 0;
    // A count stands at its end of the gutter, or as near to it as no dot is in its way.
    const count = (from: number, by: number, n: number, word: string) => {
      const words = wide ? `${n} ${word}` : String(n);
      const reach = box.width - (words.length * 0.6 + 0.3) * em - left;
      const taken = (y: number) => dots.some((d) => d.x + pitch / 2 > reach && d.y + pitch / 2 > y - 0.85 * em && d.y - pitch / 2 < y + 0.25 * em);
      let y = from;
      while (taken(y) && y > box.top && y < bottom) y += by;
      return h<SVGElement>("text", { x: box.width, y: taken(y) ? from : y, "text-anchor": "end", class: "count cased" }, words);
    };
    // The counts stand at the ends of the gutter: most peaks lie around the capacity, and so would the words.
    return [
      h<SVGElement>("text", { x: wide ? left : box.width, y: box.top - 0.5 * em, "text-anchor": wide ? "start" : "end", class: "tick" }, wide ? `peak until ${until}` : "peak"),
      ...dots.map((d: Dot) =>
        h<SVGElement>("circle", { cx: left + d.x, cy: d.y, r: pitch / 2 - 1.25, class: d.over ? "dot over" : "dot" }),
      ),
      count(box.top + 0.8 * em, 0.25 * em, over, "over"),
      count(bottom - 0.3 * em, -0.25 * em, levels.length - over, "not over"),
    ];
  }

  private placeCursor(): void {
    const { view: v, cursor, cursorLine: line } = this;
    if (!v || cursor === null || cursor < v.from || cursor > v.to) {
      line.setAttribute("visibility", "hidden");
      return;
    }
    const x = String(this.x(cursor));
    for (const [k, value] of [["x1", x], ["x2", x], ["y1", String(this.box.top)], ["y2", String(this.box.height - this.box.bottom)], ["visibility", "visible"]] as const) { // prettier-ignore
      line.setAttribute(k, value);
    }
  }
}

import { begins, type Risk } from "./documents";
import { timeDots } from "./dots";
import { h } from "./element";
import { grouped } from "./number";
import { actBy, clock, instant, timeElement } from "./zone";

const minute = 60_000;
const pitch = 12; // a dot and its space
const foot = 24; // the axis' words

// FirstBreach shows when it could go over: twenty equally likely cases, stacked on the time axis; the ones
// that stay under stand hollow in a box beside it.
export class FirstBreach {
  readonly element = h("section", { class: "card times", "aria-labelledby": "times-h", hidden: true });
  private readonly heading = h("h2", { id: "times-h" });
  private readonly words = h("p", { class: "note" });
  private readonly axis = h<SVGSVGElement>("svg", { class: "axis" });
  private readonly box = h("div", { class: "notbox" });
  private risk: Risk | null = null;
  private zone = "UTC";
  private stepSeconds = 60;

  constructor() {
    this.element.append(this.heading, this.words, h("div", { class: "timedots", "aria-hidden": "true" }, this.axis, this.box));
    new ResizeObserver(() => this.draw()).observe(this.axis);
  }

  show(risk: Risk, stepSeconds: number, zone: string): void {
    this.risk = risk;
    this.stepSeconds = stepSeconds;
    this.zone = zone;
    const c = risk.capacity_rpm ?? 0;
    // Under 5 % no dots: a single one would overstate the chance. Already over: the question is answered.
    const dots = (risk.breach_dots_minutes ?? []).length > 0 && c > 0 && (risk.verdict.shown_value ?? 0) >= 5;
    this.element.hidden = !dots || risk.state === "over_capacity";
    this.draw();
  }

  private draw(): void {
    const { risk, zone } = this;
    const w = this.axis.clientWidth;
    if (!risk || this.element.hidden || w < 40) return;
    const minutes = risk.breach_dots_minutes ?? [];
    const span = risk.verdict.horizon_minutes;
    const now = instant(risk.now);
    const start = begins(risk, this.stepSeconds);
    const end = start + span * minute;
    const x = (m: number) => (m / span) * w;
    const column = w / Math.max(10, Math.min(20, Math.floor(w / 32)));
    const d = timeDots(minutes, x, w, column);
    const { not } = d;
    const over = minutes.length - not;
    this.heading.textContent = `When could it pass ${grouped(risk.capacity_rpm ?? 0)} a minute?`;
    this.words.replaceChildren(
      `${minutes.length} equally likely cases: ${over} pass it by `,
      timeElement(end, now, zone),
      `, ${not} ${not === 1 ? "does" : "do"} not.`,
    );
    const tall = Math.max(3, d.rows) * pitch;
    const text = (at: number, words: string, anchor: string, cls = "tick") =>
      h<SVGElement>("text", { x: at, y: tall + 19, "text-anchor": anchor, class: cls }, words);
    const parts: SVGElement[] = [h<SVGElement>("line", { x1: 0, x2: w, y1: tall + 1, y2: tall + 1, class: "axisline" })];
    const decide = Number.isFinite(actBy(risk)) ? actBy(risk) : null;
    const ax = decide === null ? -1 : x((decide - start) / minute);
    if (decide !== null && ax >= 0 && ax <= w) {
      parts.push(h<SVGElement>("line", { x1: ax, x2: ax, y1: 0, y2: tall, class: "actby" }));
      if (ax > 100 && ax < w - 100) parts.push(text(ax, `act by ${clock(decide, zone)}`, "middle", "actbylabel"));
    }
    for (const dot of d.dots) {
      parts.push(h<SVGElement>("circle", { cx: dot.x, cy: tall - (dot.y + 0.5) * pitch, r: 4.5, class: "dot over" }));
    }
    parts.push(text(0, clock(start, zone), "start"), text(w, clock(end, zone), "end"));
    this.axis.setAttribute("height", String(tall + foot));
    this.axis.replaceChildren(...parts);

    this.box.hidden = not === 0;
    this.box.replaceChildren(h("span", {}, `${not} not by `, timeElement(end, now, zone)), hollow(not));
  }
}

function hollow(n: number): Element {
  const columns = Math.min(10, Math.max(1, n));
  const rows = Math.max(1, Math.ceil(n / columns));
  const svg = h<SVGElement>("svg", { viewBox: `0 0 ${columns * 12} ${rows * 12}`, width: columns * 12, height: rows * 12 });
  for (let i = 0; i < n; i++) {
    svg.append(h<SVGElement>("circle", { cx: (i % columns) * 12 + 6, cy: Math.floor(i / columns) * 12 + 6, r: 4.5, class: "dot" }));
  }
  return svg;
}

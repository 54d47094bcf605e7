import { h, patch } from "./element";
import { grouped, shownPercent, significant } from "./number";
import { instant, timeElement } from "./zone";

// Remedies, each with its own deadline: what helps in a minute may wait, what takes an hour may not.

interface Rung {
  position: number;
  kind: string;
  name: string;
  lead_time_seconds: number;
  sheds_share: number;
  adds_rpm: number;
  instructions: string;
  status: "not_needed" | "by_then" | "now" | "late";
  probability: number | null;
  capacity_rpm: number | null;
  act_by: string | null;
  late_by_seconds: number;
  serves_from: string;
  unwind_at: string | null;
}

export interface Ladder {
  now: string;
  is_ready_made: boolean;
  stale: boolean;
  rungs: Rung[] | null;
}

const status = { not_needed: "not needed", by_then: "by then", now: "now", late: "late, still helps" } as const;

// ladder shows them; known is whether there is a verdict: what is unknown needs no remedy only as far as one knows.
export function ladder(into: HTMLElement, l: Ladder | null, known: boolean, zone: string): void {
  const rungs = l?.rungs ?? [];
  into.hidden = rungs.length === 0;
  if (!l || into.hidden) return;
  const now = instant(l.now);
  const minute = (s: string | null) => Math.floor(instant(s) / 60_000) * 60_000;
  const needed = rungs.filter((r) => r.status !== "not_needed");
  const rest = rungs.filter((r) => r.status === "not_needed");
  const shape = rungs.map((r) => [r.name, r.status, r.instructions]);
  // The rows stay while their times move, so that an open instruction stays open.
  patch(into, [shape, l.is_ready_made, l.stale, known], () => [
    h("h2", { id: "ladder-h" }, "Remedies"),
    l.stale && !known ? h("p", { class: "note" }, "No deadlines: there is no forecast that counts now.") : needed.length > 0 ? null : h("p", {}, known ? "None is needed now." : "Nobody can say now whether one is needed."),
    needed.length > 0 ? h("ol", { class: "ladder" }, ...needed.map(rung)) : null,
    rest.length > 0
      ? h(
          "details",
          {},
          h("summary", {}, needed.length > 0 ? `${rest.length} not needed` : `${rest.length} to choose from`),
          h("ol", { class: "ladder" }, ...rest.map(rung)),
        )
      : null,
    l.is_ready_made ? h("p", { class: "note" }, "Ready-made remedies with assumed figures. ", h("a", { href: "/setup" }, "Replace them with your own"), ".") : null,
  ]);
  for (const r of rungs) {
    const cell = into.querySelector(`[data-rung="${r.position}"]`);
    if (!cell) continue;
    const at = r.status === "not_needed" ? null : minute(r.act_by);
    patch(cell, [r.status, at, minute(r.serves_from), minute(r.unwind_at), r.probability, zone], () => [
      h("span", { class: `rungstatus ${r.status}` }, status[r.status] ?? r.status),
      at !== null && Number.isFinite(at) && r.status === "by_then" && h("strong", {}, "by ", timeElement(at, now, zone)), // a past deadline moves on with the clock
      h("span", {}, "helps from ", timeElement(minute(r.serves_from), now, zone), " if done now"),
      r.status !== "not_needed" && r.probability !== null && h("span", {}, `${shownPercent(r.probability).text} chance it is needed within a day`),
      r.unwind_at !== null && r.status !== "not_needed" && instant(r.unwind_at) > Math.max(instant(r.serves_from), instant(r.act_by) || 0) && h("span", {}, "can end at ", timeElement(minute(r.unwind_at), now, zone)),
    ]);
  }
}

function rung(r: Rung): HTMLElement {
  const does = [
    `takes ${lead(r.lead_time_seconds)}`,
    r.sheds_share > 0 ? `takes away ${Math.round(100 * r.sheds_share)} % of the requests` : "",
    r.adds_rpm > 0 ? `adds ${grouped(significant(r.adds_rpm, 3))} requests a minute` : "",
  ].filter(Boolean);
  return h(
    "li",
    {},
    h("p", { class: "rungname" }, h("strong", {}, r.name), h("span", { class: "note" }, does.join(", "))),
    h("p", { class: "rungtimes", "data-rung": r.position }),
    r.instructions ? h("details", {}, h("summary", {}, "What to do", h("span", { class: "sr" }, `: ${r.name}`)), h("p", {}, r.instructions)) : null,
  );
}

function lead(s: number): string {
  if (s < 60) return `${s} s`;
  const m = Math.round(s / 60);
  return m < 120 ? `${m} min` : `${Math.round(m / 6) / 10} h`;
}

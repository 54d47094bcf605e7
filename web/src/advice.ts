import type { CapacityAnswer, Driver, Risk, Site } from "./documents";
import { h, patch } from "./element";
import { feedName } from "./feedname";
import { money } from "./number";
import { instant, timeElement, withTimes } from "./zone";

// recommend shows what to run and when, as the API recommends it.
export function recommend(into: HTMLElement, capacity: CapacityAnswer, site: Site, zone: string): void {
  const r = capacity.recommendation;
  patch(into, [r, capacity.units_now, capacity.mode, capacity.valid_until, zone], () => {
    const head = h("h2", { id: "advice-h" }, "Recommendation");
    if (!r || (capacity.rpm_per_unit ?? 0) <= 0) {
      const why = (capacity.rpm_per_unit ?? 0) > 0 ? "None while nothing is known." : "None yet: for that we must know how many requests a minute one unit serves.";
      return [head, h("p", { class: "note" }, why)];
    }
    const now = instant(capacity.now);
    const units = (n: number) => `${n} ${n === 1 ? "unit" : "units"}`;
    const change = r.would_be_units !== capacity.units_now;
    const plan = (r.plan ?? []).filter((s, i, all) => i === 0 || s.units !== all[i - 1]!.units);
    const costs = [r.cost_acting ?? 0, r.cost_waiting ?? 0] as const;
    return [
      head,
      h(
        "p",
        { class: "units" },
        change
          ? h("span", {}, `${capacity.units_now} `, h("span", { "aria-hidden": "true" }, "→"), h("span", { class: "sr" }, "to"), ` ${units(r.would_be_units)}`)
          : `Stay at ${units(capacity.units_now)}`,
      ),
      r.detail && r.reason !== capacity.mode ? h("p", {}, ...withTimes(r.detail)) : null, // what the mode does is said below
      plan.length > 1
        ? h("ol", { class: "plan" }, ...plan.map((s) => h("li", {}, timeElement(instant(s.at), now, zone), ` ${units(s.units)}`)))
        : null,
      costs[0] >= 1 || costs[1] >= 1
        ? h("p", {}, `Acting costs about ${money(costs[0], site.capacity.currency, 2)}; waiting risks about ${money(costs[1], site.capacity.currency, 2)}.`)
        : null,
      h(
        "p",
        { class: "note" },
        modes[capacity.mode]?.(r.units, r.would_be_units) ?? capacity.mode,
        " Valid until ",
        timeElement(instant(r.valid_until ?? capacity.valid_until), now, zone),
        ".",
      ),
    ];
  });
}

const modes: Record<string, (units: number, wouldBe: number) => string> = {
  shadow: (u, w) => `Shadow mode: autoscalers still get ${u}${u === w ? "" : `, and would get ${w}`}.`,
  advise: (u) => `Advise mode: people decide; autoscalers get ${u}.`,
  act: (u) => `Act mode: autoscalers get ${u}.`,
};

// drive shows what the traffic comes from; nothing to tell, nothing shown.
export function drive(into: HTMLElement, risk: Risk): void {
  const items = risk.drivers ?? [];
  into.hidden = items.length === 0;
  patch(into, items, () => [
    h("h2", { id: "drivers-h" }, "What drives it"),
    h("ul", { class: "drivers" }, ...items.map((d) => h("li", {}, ...driver(d)))),
  ]);
}

// The band is always shown; wider than 30 points it tells nothing, and says so.
function driver(d: Driver): (Node | string)[] {
  const percent = (x: number) => String(Math.round(100 * x));
  const name = feedName(d.source);
  if (d.share === null) return [`${name}: cannot tell how much`];
  const [low, high] = [d.share_low ?? null, d.share_high ?? null];
  if (low === null || high === null) return [`${name} ${percent(d.share)} %`];
  if (high - low > 0.3) return [`${name}: cannot tell how much`];
  const doubling = d.doubling_minutes ? `, ×2 in ${Math.round(d.doubling_minutes)} min` : "";
  return [`${name} ${percent(d.share)} % (${percent(low)}–${percent(high)})${doubling}`];
}

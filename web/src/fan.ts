import type { Forecast } from "./documents";
import { instant } from "./zone";

// The numbers behind the fan chart, as columns on one rising time axis.

// bounds are the levels a page shows: three central bands and the median.
export const bounds = [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975] as const;

export interface Fan {
  at: number[]; // milliseconds
  observed: (number | null)[];
  saturated: boolean[];
  quantiles: (number | null)[][]; // [bound][time]
  origin: number;
}

export function fan(doc: Forecast): Fan {
  const rows = new Map<number, { observed: number | null; saturated: boolean; q: (number | null)[] }>();
  const nothing = () => bounds.map(() => null);
  for (const p of doc.history ?? []) {
    rows.set(instant(p.at), { observed: p.requests_rpm, saturated: p.saturated === true, q: nothing() });
  }
  // A gap is a hole in the line even where the history leaves its minutes out.
  for (const g of doc.gaps ?? []) {
    const from = instant(g.from);
    if (!rows.has(from)) rows.set(from, { observed: null, saturated: false, q: nothing() });
  }
  // A level that the forecast does not keep stays empty: a band is never labelled as another one.
  const index = bounds.map((b) => doc.levels.findIndex((l) => Math.abs(l - b) < 1e-9));
  for (const p of doc.points ?? []) {
    const t = instant(p.at);
    const row = rows.get(t) ?? { observed: null, saturated: false, q: nothing() };
    row.q = index.map((i) => (i < 0 ? null : (p.quantiles_rpm[i] ?? null)));
    rows.set(t, row);
  }
  const at = [...rows.keys()].sort((a, b) => a - b);
  const all = at.map((t) => rows.get(t)!);
  return {
    at,
    observed: all.map((r) => r.observed),
    saturated: all.map((r) => r.saturated),
    quantiles: bounds.map((_, b) => all.map((r) => r.q[b] ?? null)),
    origin: instant(doc.origin),
  };
}

function highest(values: readonly (number | null)[]): number {
  let m = 0;
  for (const v of values) if (v !== null && v > m) m = v;
  return m;
}

export interface Scale {
  top: number;
  clipped: number | null; // what the highest bound reaches, when it does not fit
}

// scale has headroom to 1.15 × capacity or the highest bound; a bound beyond 3 × what matters is cut and
// said in words, else one wide tail would press everything else flat.
export function scale(f: Fan, capacity: number | null, recommended = 0): Scale {
  const seen = highest(f.observed);
  const bound = Math.max(highest(f.quantiles[6] ?? []), highest(f.quantiles[5] ?? []));
  const reference = Math.max(capacity ?? 0, seen);
  // The recommended capacity is shown, below the lane of the events, where that does not press the rest flat.
  const most = 3 * Math.max(reference, 1);
  const need = Math.max(1.15 * (capacity ?? 0), 1.05 * seen, recommended <= most ? 1.12 * recommended : 0);
  if (reference > 0 && bound > most) return { top: Math.max(need, most), clipped: bound };
  return { top: Math.max(need, 1.02 * bound, 1), clipped: null };
}

// levelTicks are round numbers from 0, three to six of them above it.
export function levelTicks(top: number): number[] {
  const finest = top / 6.2;
  const magnitude = 10 ** Math.floor(Math.log10(finest));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * magnitude).find((s) => s >= finest) ?? 10 * magnitude;
  const out: number[] = [];
  for (let v = 0; v <= top * 1.0001; v += step) out.push(v);
  return out;
}

// nearest is the index of the time nearest to t.
export function nearest(at: readonly number[], t: number): number {
  let low = 0;
  let high = at.length - 1;
  while (high - low > 1) {
    const mid = (low + high) >> 1;
    if ((at[mid] ?? 0) <= t) low = mid;
    else high = mid;
  }
  return Math.abs((at[high] ?? 0) - t) < Math.abs((at[low] ?? 0) - t) ? high : low;
}

export interface Step {
  at: number;
  rpm: number;
}

// capacitySteps is what could be served and from when on, oldest first. From now on it is the capacity the
// forecast was judged against, whatever was observed before.
export function capacitySteps(doc: Forecast): Step[] {
  const steps = (doc.capacity_history ?? []).map((s) => ({ at: instant(s.at), rpm: s.capacity_rpm ?? 0 }));
  if (doc.capacity_rpm !== null && doc.capacity_rpm > 0) steps.push({ at: instant(doc.now), rpm: doc.capacity_rpm });
  return steps.filter((s) => s.rpm > 0);
}

// capacityAt is the capacity that held at t, null when it is not known.
export function capacityAt(doc: Forecast, t: number): number | null {
  const steps = capacitySteps(doc);
  return (steps.findLast((s) => s.at <= t) ?? steps[0])?.rpm ?? null;
}

// One source's counts of a topic as a chart needs them: even buckets, holes where nothing was counted.

export interface MentionPoint {
  at: string;
  raw: number | null;
  organic: number | null;
  authors: number | null;
}

export interface SourceMentions {
  source: string;
  kind: string;
  step_seconds: number;
  simulated: boolean;
  recent: Record<Kind, number | null>; // mean of the last minutes counted
  points: MentionPoint[] | null;
}

export interface Mentions {
  topic: string;
  simulated: boolean;
  now: string;
  from: string;
  to: string;
  sources: SourceMentions[] | null;
  copies_share: number | null;
}

export const kinds = ["raw", "organic", "authors"] as const;
export type Kind = (typeof kinds)[number];

export interface Series {
  stepMS: number; // of a bucket as shown
  unit: string; // what a value is: "a minute" or "an hour"
  at: number[]; // start of each bucket
  values: Record<Kind, (number | null)[]>; // null: not counted, which is not zero
  gaps: { from: number; to: number }[]; // holes between what was counted, and at the end where a source said so
  since: number | null; // first bucket counted, when the span began before it
  through: number | null; // end of the last bucket counted, when that is some time ago
}

const minute = 60_000;

// series arranges a source's points in buckets of `every` minutes, or of the source's own step if that is
// longer. A bucket is the mean of what was counted in it; it is a hole only when nothing was.
export function series(s: SourceMentions, from: number, to: number, now: number, every = 1): Series {
  const own = Math.max(60, s.step_seconds) * 1000;
  const stepMS = Math.max(own, every * minute);
  const begin = Math.floor(from / stepMS) * stepMS;
  const n = Math.max(0, Math.ceil((to - begin) / stepMS));
  const at = Array.from({ length: n }, (_, i) => begin + i * stepMS);
  const sum = Object.fromEntries(kinds.map((k) => [k, new Array<number>(n).fill(0)])) as Record<Kind, number[]>;
  const count = Object.fromEntries(kinds.map((k) => [k, new Array<number>(n).fill(0)])) as Record<Kind, number[]>;
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY; // end of the last minute counted
  let told = Number.NEGATIVE_INFINITY; // end of the last minute the source spoke of, be it as missing
  for (const p of s.points ?? []) {
    const t = Date.parse(p.at);
    const i = Math.floor((t - begin) / stepMS);
    if (!(i >= 0 && i < n)) continue;
    told = Math.max(told, t + own);
    if (p.raw === null) continue;
    first = Math.min(first, t);
    last = Math.max(last, t + own);
    for (const k of kinds) {
      const v = p[k];
      if (v === null) continue;
      sum[k][i]! += v;
      count[k][i]! += 1;
    }
  }
  const values = Object.fromEntries(kinds.map((k) => [k, at.map((_, i) => (count[k][i]! > 0 ? sum[k][i]! / count[k][i]! : null))])) as Series["values"];
  const gaps: Series["gaps"] = [];
  let open: number | null = null;
  at.forEach((t, i) => {
    const hole = values.raw[i] === null && t >= first && t < last;
    if (hole && open === null) open = t;
    if (!hole && open !== null) {
      gaps.push({ from: open, to: t });
      open = null;
    }
  });
  const patience = Math.max(5 * minute, 2 * own);
  // Said to be missing, up to now. A minute or two may still come: feeds are read a little late.
  const lost = last > Number.NEGATIVE_INFINITY && told - last >= Math.max(3 * minute, own);
  if (lost) gaps.push({ from: last, to: told });
  return {
    stepMS,
    unit: own >= 60 * minute ? "an hour" : "a minute",
    at,
    values,
    gaps,
    since: Number.isFinite(first) && first >= begin + 2 * stepMS ? first : null,
    through: Number.isFinite(last) && !lost && now - last > patience ? last : null,
  };
}

// amount is a count in a few characters: one decimal below ten, whole above, three digits in all.
export function amount(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (x < 9.95) return String(Math.round(10 * x) / 10);
  const unit = x < 1000 ? 1 : 10 ** (Math.floor(Math.log10(x)) - 2);
  return new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format(Math.round(x / unit) * unit);
}

// perMinute is a number of mentions as the sentences say it: "2 mentions a minute", "5 mentions an hour"
// (risk.perMinute).
export function perMinute(x: number): string {
  const [n, per] = x >= 0.95 ? [Math.round(x), "a minute"] : [Math.round(60 * x), "an hour"];
  return `${new Intl.NumberFormat("en").format(n)} ${n === 1 ? "mention" : "mentions"} ${per}`;
}

// timesUsual is how the sentences say it, in short: the same steps as risk.talkTimes.
export function timesUsual(x: number | null): string {
  if (x === null || x < 1.25) return x === null ? "" : "as usual";
  if (x < 1.75) return "half as much again as usual";
  if (x < 2.5) return "twice the usual";
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(x)) - 1);
  return `×${Math.round(x / unit) * unit} usual`;
}

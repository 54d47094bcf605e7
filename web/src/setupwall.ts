import { clock, date } from "./zone";

// Wall-clock times of a zone, as fields for date and time have them: "2026-09-24T15:30".

export function wall(ms: number, zone: string): string {
  return Number.isFinite(ms) ? `${date(ms, zone)}T${clock(ms, zone)}` : "";
}

// fromWall is the instant at which the zone's clocks show s; the first of two when they show it twice. An
// hour that clocks skip is read as if they had not been put forward yet. NaN when s is no such time.
export function fromWall(s: string, zone: string): number {
  const m = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::\d{2})?$/.exec(s.trim());
  if (!m) return Number.NaN;
  const asUTC = Date.parse(`${m[1]}T${m[2]}:00Z`);
  if (!Number.isFinite(asUTC)) return Number.NaN;
  const off = (ms: number) => Date.parse(`${wall(ms, zone)}:00Z`) - Math.floor(ms / 60_000) * 60_000;
  // The offset is one of the two around that day; the earlier instant is the one with the larger offset.
  const offsets = [off(asUTC - 86_400_000), off(asUTC + 86_400_000)].sort((a, b) => b - a);
  for (const o of offsets) if (wall(asUTC - o, zone) === `${m[1]}T${m[2]}`) return asUTC - o;
  return asUTC - offsets[1]!;
}

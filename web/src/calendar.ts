import { clock, date } from "./zone";

// Days and wall-clock times of a zone as instants. A day has 23 or 25 hours when clocks change, and a time
// of such a day may come twice or not at all: the caller asks, nothing is guessed.

const hour = 3_600_000;

// instantsOf are the instants at which the zone's clock shows hhmm on a date ("2026-10-25", "02:30"): one on
// an ordinary day, two when the hour comes twice, none when it is left out.
export function instantsOf(day: string, hhmm: string, zone: string): number[] {
  const wall = Date.parse(`${day}T${hhmm}:00Z`);
  if (!Number.isFinite(wall)) return [];
  const out = new Set<number>();
  for (const near of [wall - 24 * hour, wall + 24 * hour]) {
    const t = wall - offsetMS(near, zone);
    if (date(t, zone) === day && clock(t, zone) === hhmm) out.add(t);
  }
  return [...out].sort((a, b) => a - b);
}

function offsetMS(t: number, zone: string): number {
  const minute = Math.floor(t / 60_000) * 60_000;
  return Date.parse(`${date(minute, zone)}T${clock(minute, zone)}:00Z`) - minute;
}

// dayBounds are the first instant of a date and the first of the next.
export function dayBounds(day: string, zone: string): [number, number] {
  return [firstOf(day, zone), firstOf(addDays(day, 1), zone)];
}

function firstOf(day: string, zone: string): number {
  const midnight = instantsOf(day, "00:00", zone)[0];
  if (midnight !== undefined) return midnight;
  // Some zones change their clocks at midnight: then the day begins later.
  for (let m = 15; m <= 180; m += 15) {
    const hhmm = `${String(Math.floor(m / 60)).padStart(2, "0")}:${String(m % 60).padStart(2, "0")}`;
    const at = instantsOf(day, hhmm, zone)[0];
    if (at !== undefined) return at;
  }
  return Date.parse(`${day}T00:00:00Z`);
}

// addDays counts on the calendar: "2026-10-31" and 1 is "2026-11-01".
export function addDays(day: string, n: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + n * 24 * hour).toISOString().slice(0, 10);
}

export function isDay(s: string | null): s is string {
  return s !== null && /^\d{4}-\d{2}-\d{2}$/.test(s) && Number.isFinite(Date.parse(`${s}T00:00:00Z`));
}

// wallTime reads what a person types for a time, "9:5", "0905", "9.05", as "09:05"; "" when it is none.
export function wallTime(typed: string): string {
  const m = /^\s*(\d{1,2})[:.h ]?(\d{2}|\d(?=\s*$))?\s*$/.exec(typed);
  if (!m) return "";
  const [h, min] = [Number(m[1]), Number(m[2] ?? 0)];
  return h < 24 && min < 60 ? `${String(h).padStart(2, "0")}:${String(min).padStart(2, "0")}` : "";
}

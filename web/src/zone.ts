import { h } from "./element";

// Times are shown in one named zone, on a 24 h clock: the server's sentences, which stand beside them,
// are written so, and a page that says 14:41 here and 2:41 pm there gets read twice.

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${name}`;
  let f = formats.get(key);
  if (!f) {
    try {
      f = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
    } catch {
      f = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" }); // a zone this browser does not know
    }
    formats.set(key, f);
  }
  return f;
}

// clock is "14:41".
export function clock(ms: number, zone: string): string {
  return format(zone, "clock", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms);
}

// day is "Thu 24 Sep".
export function day(ms: number, zone: string): string {
  const parts = format(zone, "day", { weekday: "short", day: "numeric", month: "short" }).formatToParts(ms);
  const part = (t: string) => parts.find((p) => p.type === t)?.value ?? "";
  return `${part("weekday")} ${part("day")} ${part("month").slice(0, 3)}`; // three letters, as the sentences have them
}

// date is "2026-09-24", for comparing days.
export function date(ms: number, zone: string): string {
  const p = format(zone, "date", { year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(ms);
  const part = (t: string) => p.find((x) => x.type === t)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}`;
}

// abbreviation is "CEST", offset "UTC+2".
export function abbreviation(ms: number, zone: string): string {
  const parts = format(zone, "short", { timeZoneName: "short", hour: "2-digit" }).formatToParts(ms);
  return parts.find((p) => p.type === "timeZoneName")?.value ?? zone;
}

export function offset(ms: number, zone: string): string {
  const parts = format(zone, "offset", { timeZoneName: "shortOffset", hour: "2-digit" }).formatToParts(ms);
  const gmt = parts.find((p) => p.type === "timeZoneName")?.value ?? "GMT";
  return /^(GMT|UTC)([+-]0)?$/.test(gmt) ? "UTC" : gmt.replace("GMT", "UTC");
}

const dayMS = 86_400_000;

// when is "14:41" today, "tomorrow 09:05", "Thu 09:05" within a week, else "24 Sep 09:05", as the sentences say it.
export function when(ms: number, now: number, zone: string): string {
  const t = clock(ms, zone);
  const d = date(ms, zone);
  if (!Number.isFinite(now) || d === date(now, zone)) return t;
  const days = Math.round((Date.parse(d) - Date.parse(date(now, zone))) / dayMS);
  if (days === 1) return `tomorrow ${t}`;
  if (days === -1) return `yesterday ${t}`;
  const [weekday = "", ...rest] = day(ms, zone).split(" ");
  return Math.abs(days) < 7 ? `${weekday} ${t}` : `${rest.join(" ")} ${t}`;
}

// full is "Thu 24 Sep 15:10 CEST (13:10 UTC)".
export function full(ms: number, zone: string): string {
  const local = `${day(ms, zone)} ${clock(ms, zone)} ${abbreviation(ms, zone)}`;
  return zone === "UTC" ? local : `${local} (${clock(ms, "UTC")} UTC)`;
}

// instant reads an RFC 3339 time; what is not there is NaN.
export function instant(s: string | null | undefined): number {
  return Date.parse(s ?? "");
}

// actBy is the decision time as the sentences round it: down to the minute, and down to five minutes when it
// is more than two hours away. On the way down nothing is decided but how long to hold, which the headline says: there
// it is none.
export function actBy(doc: { act_by: string | null; now: string; state?: string | undefined }): number {
  if (doc.state === "recovery") return Number.NaN;
  const at = instant(doc.act_by);
  const to = at - instant(doc.now) > 2 * 3_600_000 ? 300_000 : 60_000;
  return Math.floor(at / to) * to;
}

// timeElement is a <time> that shows when and carries the instant; a dash where there is none.
export function timeElement(ms: number, now: number, zone: string): HTMLElement {
  if (!Number.isFinite(ms)) return h("span", {}, "–");
  return h("time", { datetime: new Date(ms).toISOString(), title: full(ms, zone) }, when(ms, now, zone));
}

const clockTimeOrPercent = /\b(?:[01]\d|2[0-3]):[0-5]\d\b|\(?\b\d+ %\)?/g;

// withTimes puts the clock times of a server's sentence into <time>, keeps each number with its percent sign on one
// line, and changes no character of it.
export function withTimes(sentence: string): (Node | string)[] {
  const out: (Node | string)[] = [];
  let from = 0;
  for (const m of sentence.matchAll(clockTimeOrPercent)) {
    if (m.index > from) out.push(sentence.slice(from, m.index));
    out.push(m[0].includes("%") ? h("span", { class: "together" }, m[0]) : h("time", {}, m[0]));
    from = m.index + m[0].length;
  }
  if (from < sentence.length) out.push(sentence.slice(from));
  return out;
}

// ticks are the instants between from and to where the wall clock of the zone is at a multiple of
// stepMinutes. They are found by asking the zone, so a clock change moves no tick.
export function ticks(from: number, to: number, stepMinutes: number, zone: string): number[] {
  const quarter = Math.min(stepMinutes, 15) * 60_000;
  const out: number[] = [];
  for (let t = Math.ceil(from / quarter) * quarter; t <= to; t += quarter) {
    const [hour = 0, minute = 0] = clock(t, zone).split(":").map(Number);
    if ((hour * 60 + minute) % stepMinutes === 0) out.push(t);
  }
  return out;
}

// Numbers as pages show them. Grouping is the comma of the server's sentences, so that both agree.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function grouped(n: number): string {
  return whole.format(n);
}

// significant rounds to d digits: mode 0 nearest, -1 down, 1 up (ranges: low end down, high end up).
export function significant(n: number, d: number, mode: -1 | 0 | 1 = 0): number {
  if (!Number.isFinite(n) || n === 0) return n;
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.abs(n))) + 1 - d);
  const by = mode < 0 ? Math.floor : mode > 0 ? Math.ceil : Math.round;
  // The quotient of a value that already is a multiple can be a hair off: 1e-9 keeps 1,050 at 1,050.
  return by(n / unit - mode * 1e-9) * unit;
}

// rate is a number of a table: 3 digits.
export function rate(n: number | null | undefined): string {
  return n === null || n === undefined || !Number.isFinite(n) ? "–" : grouped(significant(n, 3));
}

// range is "1,050–1,700": two digits, outwards.
export function range(low: number, high: number): string {
  return `${grouped(significant(low, 2, -1))}–${grouped(significant(high, 2, 1))}`;
}

// shownPercent is the rounding rule of the sentences: whole percent below 5 and above 95, else steps of
// 5. It is for chances the server sends as a number; a verdict brings its own shown value, which stays
// put near the edge of a step.
export function shownPercent(p: number): { text: string; value: number } {
  const x = 100 * p;
  if (x < 1) return { text: "under 1 %", value: x };
  if (x > 99) return { text: "over 99 %", value: x };
  const value = x < 4.5 || x > 95.5 ? Math.round(x) : Math.min(95, Math.max(5, 5 * Math.round(x / 5)));
  return { text: `${value} %`, value };
}

export function money(n: number, currency: string, digits: number): string {
  const v = significant(n, digits);
  try {
    return new Intl.NumberFormat("en", {
      style: "currency",
      currency,
      currencyDisplay: "narrowSymbol",
      maximumFractionDigits: v < 1 ? 2 : 0,
      minimumFractionDigits: 0,
    }).format(v);
  } catch {
    return `${grouped(v)} ${currency}`.trim();
  }
}

// minutesLeft counts down in whole minutes, rounded down; a second begun counts as whole, so that 14:20 to
// 14:41 is 21 minutes and not 20 because the page took a moment.
export function minutesLeft(ms: number): string {
  const m = Math.floor((ms + 999) / 60_000);
  if (m < 1) return "less than a minute";
  if (m < 120) return m === 1 ? "1 minute" : `${m} minutes`;
  const hours = Math.floor(m / 60);
  return m % 60 === 0 ? `${hours} hours` : `${hours} h ${m % 60} min`;
}

// shortLeft is the same for a table: "21 min", "3 h 5 min".
export function shortLeft(ms: number): string {
  return minutesLeft(ms).replace("less than a minute", "< 1 min").replace(/ minutes?$/, " min");
}

// ago is "12 s", "7 min", "3 h".
export function ago(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return `${Math.floor(s / 3600)} h`;
}

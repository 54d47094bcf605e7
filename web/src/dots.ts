// Twenty dots stand for twenty equally likely cases, so each dot is the display step of 5 %.

// countOver is how many of the peaks lie above capacity. Where the first breaches came too, they are
// counted instead: the same cases, and they stand as "not by then" or not, while a level printed with three
// decimals may have been rounded onto the capacity itself.
export function countOver(peaks: readonly number[], breaches: readonly (number | null)[], capacity: number): number {
  if (breaches.length === peaks.length) return breaches.filter((m) => m !== null).length;
  return peaks.filter((p) => p > capacity).length;
}

export interface Dot {
  x: number; // centre, in pixels from the gutter's left edge
  y: number;
  over: boolean;
}

// peakDots stacks the levels sideways in rows of one dot's height. Rows are counted from the capacity
// line, so a row never holds dots from both sides of it.
export function peakDots(
  levels: readonly number[],
  over: number,
  yOf: (level: number) => number,
  capacityY: number,
  top: number,
  bottom: number,
  width: number,
  pitch: number,
): Dot[] {
  const rows = new Map<number, number[]>();
  const sorted = levels.map((v, i) => [v, i] as const).sort((a, b) => b[0] - a[0]);
  const highest = Math.max(0, Math.floor((capacityY - top) / pitch) - 1);
  const lowest = Math.max(0, Math.floor((bottom - capacityY) / pitch) - 1);
  sorted.forEach(([level], rank) => {
    const y = Math.max(top, Math.min(bottom, yOf(level)));
    const up = rank < over;
    const k = Math.max(0, Math.floor((up ? capacityY - y : y - capacityY) / pitch));
    const row = up ? Math.min(k, highest) : -1 - Math.min(k, lowest);
    rows.set(row, [...(rows.get(row) ?? []), rank]);
  });
  const dots: Dot[] = [];
  const longest = Math.max(1, ...[...rows.values()].map((r) => r.length));
  const step = Math.min(pitch, width / longest);
  for (const [row, ranks] of rows) {
    const up = row >= 0;
    const y = up ? capacityY - (row + 0.5) * pitch : capacityY + (-1 - row + 0.5) * pitch;
    ranks.forEach((_, i) => dots.push({ x: (i + 0.5) * step, y, over: up }));
  }
  return dots;
}

// timeDots stacks the first breaches upwards on the time axis. It returns the dots that fall inside the
// window and how many do not.
export function timeDots(
  minutes: readonly (number | null)[],
  xOf: (minutes: number) => number,
  endX: number,
  pitch: number,
): { dots: Dot[]; not: number; rows: number } {
  const times = minutes.filter((m): m is number => m !== null && Number.isFinite(m)).sort((a, b) => a - b);
  const columns = new Map<number, number>();
  const dots: Dot[] = [];
  let rows = 0;
  for (const m of times) {
    const column = Math.max(0, Math.floor(Math.min(xOf(m), endX - 1) / pitch));
    const row = columns.get(column) ?? 0;
    columns.set(column, row + 1);
    rows = Math.max(rows, row + 1);
    dots.push({ x: (column + 0.5) * pitch, y: row, over: true });
  }
  return { dots, not: minutes.length - times.length, rows };
}

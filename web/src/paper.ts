import { h } from "./element";
import type { Shell } from "./shell";
import { full } from "./zone";

// paper: print is light whatever the screen is, a canvas has to be drawn anew for it, and what leaves the
// screen says when it was made and in which zone.
export function paper(main: HTMLElement, repaint: () => void, made: () => string): void {
  const line = h("p", { class: "printed note" });
  const turn = (on: boolean) => {
    if (on) {
      document.documentElement.dataset["theme"] = "light";
      line.textContent = made();
      main.append(line);
    } else {
      delete document.documentElement.dataset["theme"];
      line.remove();
    }
    repaint();
  };
  addEventListener("beforeprint", () => turn(true));
  addEventListener("afterprint", () => turn(false));
}

// dated is paper for a page without a canvas of its own.
export function dated(shell: Shell): void {
  paper(shell.main, () => {}, () => printedAt(shell.clock.now(), shell.zone));
}

// printedAt is the line at the end of a printed page; a page that asks no server does not know the time.
export function printedAt(now: number, zone: string): string {
  return `${Number.isFinite(now) ? `Printed ${full(now, zone)}. ` : ""}Times are in ${zone.replaceAll("_", " ")}.`;
}

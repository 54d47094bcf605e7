import { h } from "./element";

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

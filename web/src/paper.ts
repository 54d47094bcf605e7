// paper: print is light whatever the screen is, and a canvas has to be drawn anew for it.
export function paper(repaint: () => void): void {
  const turn = (on: boolean) => {
    if (on) document.documentElement.dataset["theme"] = "light";
    else delete document.documentElement.dataset["theme"];
    repaint();
  };
  addEventListener("beforeprint", () => turn(true));
  addEventListener("afterprint", () => turn(false));
}

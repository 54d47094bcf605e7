import type { State } from "./documents";
import { h } from "./element";

// A state is a word, a shape and a fill: never a colour alone, never a shape without its word.
const looks: Record<State, { word: string; shape: string; tone: string }> = {
  calm: { word: "Calm", shape: "●", tone: "calm" },
  watch: { word: "Watch", shape: "▲", tone: "watch" },
  alert: { word: "Alert", shape: "◆", tone: "alert" },
  over_capacity: { word: "Over capacity", shape: "◆", tone: "alert" },
  failing: { word: "Failing", shape: "✕", tone: "failing" },
  recovery: { word: "Recovery", shape: "↘", tone: "recovery" },
  cannot_tell: { word: "Unknown", shape: "?", tone: "unknown" },
  learning: { word: "Learning", shape: "◌", tone: "learning" },
};

export function look(s: State): { word: string; shape: string; tone: string } {
  return looks[s] ?? looks.cannot_tell; // a state this page does not know yet is unknown, never calm
}

// foreseen is whether a state speaks of what may come: only there its chance says something beside its headline.
export function foreseen(s: State): boolean {
  return s === "calm" || s === "watch" || s === "alert";
}

export function badge(s: State): HTMLElement {
  const l = look(s);
  return h("span", { class: `badge ${l.tone}` }, h("span", { class: "shape", "aria-hidden": "true" }, l.shape), l.word);
}

export function simulatedChip(): HTMLElement {
  return h("span", { class: "chip simulated" }, "Simulated");
}

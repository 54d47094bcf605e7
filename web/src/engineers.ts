import { said } from "./api";
import { Decisions } from "./decisions";
import type { CapacityAnswer, Forecast, Risk } from "./documents";
import { h, patch } from "./element";
import { grouped, rate } from "./number";
import { accuracyOf } from "./record";
import { instant, timeElement } from "./zone";

// Engineers is the folded part: the same numbers, unrounded, and where to read them as JSON. It remembers
// that it was opened.
export class Engineers {
  readonly element = h<HTMLDetailsElement>("details", { class: "card engineers" });
  private readonly body = h("div", {});
  private readonly decisions: Decisions;
  private readonly accuracy = h<HTMLDetailsElement>("details", { id: "accuracy" }, h("summary", {}, "Accuracy by lead"));

  constructor(base: string) {
    this.decisions = new Decisions(base);
    const table = h("div", {});
    this.accuracy.append(table);
    this.accuracy.addEventListener("toggle", () => {
      if (this.accuracy.open) accuracyOf(table, base).catch((e: unknown) => table.replaceChildren(h("p", { class: "note" }, said(e))));
    });
    this.element.append(h("summary", {}, h("h2", {}, "For engineers")), this.body, this.decisions.element, this.accuracy);
    this.element.open = remembered();
    this.element.addEventListener("toggle", () => remember(this.element.open));
  }

  // showAccuracy opens the fold at its table.
  showAccuracy(): void {
    this.element.open = true;
    this.accuracy.open = true;
    this.accuracy.scrollIntoView({ block: "nearest" });
    this.accuracy.querySelector("summary")?.focus();
  }

  show(risk: Risk, forecast: Forecast, capacity: CapacityAnswer, zone: string): void {
    const base = `/v1/sites/${risk.site}`;
    this.decisions.show(instant(risk.now), zone);
    patch(this.body, [risk.forecast_id, risk.now, capacity.recommendation, zone], () => {
      const now = instant(risk.now);
      const time = (s: string | null) => timeElement(instant(s), now, zone);
      const percent = (p: number | null) => (p === null ? "–" : `${(100 * p).toFixed(2)} %`);
      const facts: [string, Node | string][] = [
        ["mode", capacity.mode],
        ["units now, least, most", `${capacity.units_now}, ${capacity.min_units}, ${capacity.max_units || "no cap"}`],
        ["units answered to autoscalers", String(capacity.recommendation?.units ?? "–")],
        ["reason", capacity.recommendation?.reason ?? "–"],
        ["demand now", `${rate(risk.demand_rpm)} requests a minute${risk.demand_rpm ? ` (${(risk.demand_rpm / 60).toFixed(1)} a second)` : ""}`],
        ["capacity", risk.capacity_rpm ? `${grouped(risk.capacity_rpm)} requests a minute (${(risk.capacity_rpm / 60).toFixed(1)} a second)${between(capacity.measured)}` : "unknown"],
        ["act by", risk.act_by ? time(risk.act_by) : risk.act_by_reason || "–"],
        ["late by", risk.late_by_seconds > 0 ? `${risk.late_by_seconds} s` : "–"],
        ["origin", time(risk.origin)],
        ["issued", time(risk.issued_at)],
        ["valid until", time(risk.valid_until)],
        ["missing inputs", (risk.degraded ?? []).join(", ") || "none"],
        ["model", forecast.model_version || "–"],
        ["forecast", risk.forecast_id ?? "–"],
      ];
      return [
        h("dl", {}, ...facts.flatMap(([k, value]) => [h("dt", {}, k), h("dd", {}, value)])),
        h(
          "div",
          { class: "scroll", tabindex: "0", role: "region", "aria-label": "Chance by window" },
          h(
            "table",
            {},
            h("caption", {}, "Chance of being over capacity within"),
            h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "minutes"), h("th", { scope: "col" }, "chance"))),
            h("tbody", {}, ...(risk.risk ?? []).map((x) => h("tr", {}, h("th", { scope: "row" }, String(x.horizon_minutes)), h("td", {}, percent(x.probability))))),
          ),
        ),
        h(
          "p",
          { class: "links" },
          "JSON: ",
          ...["risk", "forecast", "capacity", "scale"].flatMap((p) => [h("a", { href: `${base}/${p}` }, p), " "]),
          h("a", { href: "/openapi.json" }, "specification"),
        ),
      ];
    });
  }
}

const memory = "surgecast.engineers";

function remembered(): boolean {
  try {
    return localStorage.getItem(memory) === "open";
  } catch {
    return false; // storage is switched off: nothing to remember, nothing broken
  }
}

function remember(open: boolean): void {
  try {
    localStorage.setItem(memory, open ? "open" : "closed");
  } catch {
    // as above
  }
}

// between is the interval load tests give the capacity: a limit no test reached has no upper end.
function between(m: CapacityAnswer["measured"]): string {
  if (!m || m.low_rpm === null) return "";
  const ends = m.high_rpm === null ? `at least ${rate(m.low_rpm)}` : `${rate(m.low_rpm)} to ${rate(m.high_rpm)}`;
  return `; by load tests ${ends}, up to ${m.tested_max_units} ${m.tested_max_units === 1 ? "unit" : "units"} tested`;
}

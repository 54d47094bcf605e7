import { h } from "./element";
import { grouped, money, rate } from "./number";
import type { Review, Rule } from "./reviewdoc";

// rulesTable is what each rule would have done, ours first.
export function rulesTable(d: Review): HTMLElement {
  const rules = d.rules ?? [];
  const costs = rules.some((r) => r.cost !== null);
  const columns: [string, (r: Rule) => string][] = [
    ["asked before", (r) => (r.warning_minutes === null ? "–" : `${grouped(r.warning_minutes)} min`)],
    ["minutes over", (r) => grouped(r.minutes_over)],
    ["lost requests (est.)", (r) => rate(r.lost_requests)],
    ["unit-hours", (r) => (r.unit_hours === null ? "–" : hours(r.unit_hours))],
    ["most units", (r) => grouped(r.peak_units)],
  ];
  if (costs) columns.push(["cost", (r) => (r.cost === null ? "–" : money(r.cost, d.currency, 3))]);
  return h(
    "table",
    { class: "rulestable" },
    h("caption", { class: "sr" }, "What each rule would have done with the same traffic"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "rule"), ...columns.map(([n]) => h("th", { scope: "col" }, n)))),
    h(
      "tbody",
      {},
      ...rules.map((r, i) => h("tr", { class: i === 0 ? "ours" : null }, h("th", { scope: "row" }, r.rule), ...columns.map(([n, f]) => h("td", { "data-label": n }, f(r))))),
    ),
  );
}

// hours has three digits, as tables have.
function hours(x: number): string {
  return x >= 100 ? rate(x) : x.toLocaleString("en", { maximumSignificantDigits: 3 });
}

// facts is a list of names and values.
export function facts(rows: [string, string][]): HTMLElement {
  return h("dl", { class: "facts" }, ...rows.filter(([, v]) => v !== "").flatMap(([k, v]) => [h("dt", {}, k), h("dd", {}, h("code", {}, v))]));
}

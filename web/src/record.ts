import { get } from "./api";
import { h, patch } from "./element";

interface RecordDoc {
  horizons: { horizon_minutes: number; rows: { from: number; to: number; occasions: number; happened: number; sentence: string }[] | null }[] | null;
}

interface Accuracy {
  forecasts: number;
  missing_minutes: number;
  leads: { lead_minutes: number; n: number; vs_yesterday: number | null; vs_last: number | null; coverage_50: number | null; coverage_80: number | null; coverage_95: number | null }[] | null;
}

const enough = 10; // fewer occasions say little: the denominator says it, the page adds no judgement

// recordOf fills a list with the server's sentences of the window nearest to the verdict's: when we said so
// much, it happened so often. It is scored from the ledger, so it is asked for only when somebody wants it.
export async function recordOf(into: HTMLElement, base: string, horizon: number): Promise<void> {
  const doc = await get<RecordDoc>(`${base}/record?days=35`);
  const all = doc.horizons ?? [];
  const near = all.reduce<(typeof all)[number] | null>((best, x) => (best && Math.abs(best.horizon_minutes - horizon) <= Math.abs(x.horizon_minutes - horizon) ? best : x), null);
  const rows = near?.rows ?? [];
  patch(into, rows, () => [
    ...rows.map((r) => h("li", {}, r.sentence)),
    rows.length === 0 ? h("li", {}, "Nothing to count yet: no forecast of this site is old enough to be judged.") : null,
    rows.length > 0 && rows.some((r) => r.occasions < enough) ? h("li", { class: "note" }, `Fewer than ${enough} occasions say little.`) : null,
  ]);
}

// accuracyOf is how good the forecasts of a site were, by lead, as a table.
export async function accuracyOf(into: HTMLElement, base: string): Promise<void> {
  const a = await get<Accuracy>(`${base}/accuracy?days=35`);
  const times = (x: number | null) => (x === null ? "–" : `×${x.toFixed(2)}`);
  const percent = (x: number | null) => (x === null ? "–" : `${Math.round(100 * x)} %`);
  const leads = a.leads ?? [];
  patch(into, a, () => [
    leads.length === 0
      ? h("p", { class: "note" }, "Nothing to judge yet.")
      : h(
          "div",
          { class: "scroll", tabindex: "0", role: "region", "aria-label": "Accuracy by lead" },
          h(
            "table",
            {},
            h("caption", {}, `Scored from the ledger: ${a.forecasts} forecasts, ${a.missing_minutes} minutes missing`),
            h("thead", {}, h("tr", {}, ...["minutes ahead", "scored", "error beside yesterday", "beside last minute", "inside half", "inside 4 of 5", "inside 19 of 20"].map((t) => h("th", { scope: "col" }, t)))),
            h(
              "tbody",
              {},
              ...leads.map((l) =>
                h("tr", {}, h("th", { scope: "row" }, String(l.lead_minutes)), h("td", {}, String(l.n)), h("td", {}, times(l.vs_yesterday)), h("td", {}, times(l.vs_last)), h("td", {}, percent(l.coverage_50)), h("td", {}, percent(l.coverage_80)), h("td", {}, percent(l.coverage_95))),
              ),
            ),
          ),
        ),
  ]);
}

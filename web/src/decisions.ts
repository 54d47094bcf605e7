import { get, said } from "./api";
import { h, patch } from "./element";
import { ago } from "./number";
import { instant, timeElement } from "./zone";

interface Decision {
  at: string;
  caller: string;
  units: number | null;
  stale: boolean;
  status_code: number;
  reason: string;
  forecast_id: string;
}

const filters = { changes: "changes", errors: "errors" } as const;
type Filter = keyof typeof filters;

// Decisions is what autoscalers were answered when the answer changed, and why: a fold that asks only while
// it is open.
export class Decisions {
  readonly element = h<HTMLDetailsElement>("details", { class: "decisions" });
  private readonly choice = h("div", { class: "choice", role: "group", "aria-label": "Answers shown" });
  private readonly body = h("div", {});
  private filter: Filter = "changes";
  private items: Decision[] = [];
  private asked = Number.NEGATIVE_INFINITY;
  private now = Number.NaN;
  private zone = "UTC";

  constructor(private readonly base: string) {
    for (const f of Object.keys(filters) as Filter[]) {
      this.choice.append(h("button", { type: "button", "data-filter": f, "aria-pressed": f === this.filter, click: () => this.choose(f) }, filters[f]));
    }
    this.element.append(h("summary", {}, "Autoscaler answers"), this.choice, this.body);
    this.element.addEventListener("toggle", () => this.element.open && void this.ask());
  }

  show(now: number, zone: string): void {
    this.now = now;
    this.zone = zone;
    if (this.element.open && performance.now() - this.asked > 5000) void this.ask();
    else this.render();
  }

  private choose(f: Filter): void {
    this.filter = f;
    for (const b of this.choice.children) b.setAttribute("aria-pressed", String(b.getAttribute("data-filter") === f));
    this.render();
  }

  private async ask(): Promise<void> {
    this.asked = performance.now();
    try {
      this.items = (await get<{ items: Decision[] | null }>(`${this.base}/decisions?limit=200`)).items ?? [];
      this.render();
    } catch (e) {
      this.body.replaceChildren(h("p", { class: "note" }, said(e)));
    }
  }

  private render(): void {
    const { now, zone } = this;
    const rows = this.items.filter((d) => this.filter === "changes" || d.status_code >= 400);
    patch(this.body, [rows, this.filter, zone], () => [
      rows.length === 0
        ? h("p", { class: "note" }, this.filter === "errors" ? "No errors." : "No autoscaler has asked yet. ")
        : h(
            "div",
            { class: "scroll", tabindex: "0", role: "region", "aria-label": "Autoscaler answers" },
            h(
              "table",
              {},
              h("caption", {}, "What /scale answered when it changed, newest first"),
              h("thead", {}, h("tr", {}, ...["time", "caller", "answered", "age", "reason"].map((t) => h("th", { scope: "col" }, t)))),
              h(
                "tbody",
                {},
                ...rows.map((d) =>
                  h(
                    "tr",
                    {},
                    h("th", { scope: "row" }, timeElement(instant(d.at), now, zone)),
                    h("td", {}, d.caller || "–"),
                    h("td", {}, d.units === null ? `${d.status_code}` : `${d.units} ${d.units === 1 ? "unit" : "units"}`),
                    h("td", {}, Number.isFinite(now) ? `${ago(now - instant(d.at))}${d.stale ? ", stale" : ""}` : "–"),
                    h("td", {}, d.reason),
                  ),
                ),
              ),
            ),
          ),
    ]);
  }
}

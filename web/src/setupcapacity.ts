import { get, put } from "./api";
import type { Capacity } from "./documents";
import { h, patch } from "./element";
import { grouped } from "./number";
import { Form, type Values } from "./setupform";
import { LoadTests } from "./setuploadtest";
import type { FullSite, Setting, Tab } from "./setuppage";
import { noSite, SiteChoice } from "./setupsite";
import { withoutNull } from "./setupsites";

// CapacityTab: what a site can serve, how fast more of it comes, and what being wrong costs.
export class CapacityTab implements Tab {
  readonly element = h("div", { class: "parts" });
  private readonly choice = new SiteChoice((site) => void this.fill(site));
  private readonly sum = h("p", { class: "sum", role: "status" });
  private readonly form: Form;
  private readonly card: HTMLElement;
  private readonly none = noSite();
  private readonly tests = new LoadTests(async () => {
    const x = this.site;
    if (!x) return;
    const now = await get<FullSite>(`/v1/sites/${encodeURIComponent(x.slug)}`);
    if (this.site !== x) return; // another site was chosen meanwhile
    this.site = now;
    this.form.fill(values(now));
  });
  private site: FullSite | null = null;
  private setting: Setting | null = null;

  constructor() {
    this.form = new Form(
      [
        { name: "units", label: "Units serving now", kind: "number", min: 0, step: "1", hint: "Servers, pods or workers that take requests." },
        { name: "rpm_per_unit", label: "One unit serves", kind: "number", min: 0, unit: "requests a minute", hint: "Without it, or its workers, there is a forecast, but no chance and no act-by." },
        { name: "workers_per_unit", label: "Not measured? One unit answers at once", kind: "number", min: 0, step: "1", unit: "requests", hint: "Instead of what one unit serves: its workers, threads or processes." },
        { name: "service_seconds", label: "… and one takes, when nobody waits", kind: "number", min: 0, unit: "seconds", hint: "On average. The limit on slow answers below decides how long a request may wait." },
        this.sum,
        { name: "min_units", label: "Never fewer than", kind: "number", min: 0, step: "1", unit: "units" },
        { name: "max_units", label: "Never more than", kind: "number", min: 0, step: "1", unit: "units", hint: "0: no cap" },
        { name: "lead50", label: "A unit serves after, usually", kind: "number", min: 0, unit: "minutes", hint: "From the decision until it takes requests." },
        { name: "lead95", label: "… and at the slow end", kind: "number", min: 0, unit: "minutes", hint: "19 of 20 are faster. The act-by uses it." },
        { name: "sustain_minutes", label: "Over capacity means longer than", kind: "number", min: 1, step: "1", unit: "minutes" },
        { name: "p95_limit_ms", label: "Slower than this is over capacity too", kind: "number", min: 0, step: "1", unit: "ms", hint: "95 in 100 answers are faster. 0: not judged" },
        { name: "cost_lost_request", label: "A lost request costs", kind: "number", min: 0 },
        { name: "cost_idle_unit_hour", label: "An idle unit costs an hour", kind: "number", min: 0 },
        { name: "currency", label: "Currency", hint: "Three letters: EUR", attributes: { maxlength: "3", autocapitalize: "characters" } },
        { name: "alert", label: "Alert from a chance of", kind: "number", min: 0, unit: "%", hint: "20 % is usual. Lower means more warnings that do not come true." },
        { name: "max_extra_unit_hours_per_day", label: "Spend at most", kind: "number", min: 0, unit: "extra unit-hours a day", hint: "0: no cap" },
      ],
      { save: "Save capacity", busy: "Saving…", done: "Saved. The next forecast uses it." },
      async (v) => {
        const x = this.site;
        if (!x) return;
        const path = `/v1/sites/${encodeURIComponent(x.slug)}`;
        const now = await get<FullSite>(path); // as it is now: only the capacity is changed here
        const number = (k: string) => (v[k] as number | null) ?? 0;
        const capacity = {
          ...withoutNull(now.capacity),
          units: number("units"), rpm_per_unit: number("rpm_per_unit"), workers_per_unit: number("workers_per_unit"), service_seconds: number("service_seconds"), min_units: number("min_units"), max_units: number("max_units"),
          lead_time_p50_seconds: Math.round(60 * number("lead50")), lead_time_p95_seconds: Math.round(60 * number("lead95")),
          sustain_minutes: number("sustain_minutes"), p95_limit_ms: number("p95_limit_ms"),
          cost_lost_request: number("cost_lost_request"), cost_idle_unit_hour: number("cost_idle_unit_hour"), currency: String(v["currency"]).trim().toUpperCase(),
          alert_probability: number("alert") / 100, max_extra_unit_hours_per_day: number("max_extra_unit_hours_per_day"),
        }; // prettier-ignore
        const saved = await put<FullSite>(path, { name: now.name, kind: now.kind, mode: now.mode, mode_since: now.mode_since, time_zone: now.time_zone, segments: now.segments ?? [], capacity });
        if (this.site === x) {
          this.site = saved;
          this.form.fill(values(saved)); // what was left open has the server's defaults now
          this.form.say("Saved. The next forecast uses it.");
        }
        await this.setting?.reload();
      },
      {
        ...Object.fromEntries(["units", "rpm_per_unit", "workers_per_unit", "service_seconds", "min_units", "max_units", "sustain_minutes", "p95_limit_ms", "cost_lost_request", "cost_idle_unit_hour", "currency", "max_extra_unit_hours_per_day"].map((k) => [`capacity.${k}`, k])),
        "capacity.lead_time_p50": "lead50", "capacity.lead_time_p50_seconds": "lead50", "capacity.lead_time_p95": "lead95", "capacity.lead_time_p95_seconds": "lead95", "capacity.alert_probability": "alert",
      }, // prettier-ignore
    );
    this.form.onInput = (v) => this.say(v);
    this.card = h("section", { class: "card", "aria-labelledby": "capacity-h" }, h("h2", { id: "capacity-h" }, "What it can take"), this.form.element);
    this.element.append(this.choice.element, this.none, this.card, this.tests.element);
  }

  async load(s: Setting): Promise<void> {
    this.setting = s;
    const site = this.choice.of(s);
    this.none.hidden = site !== null;
    this.card.hidden = site === null;
    if (site && site.slug !== this.site?.slug) await this.fill(site);
  }

  private async fill(site: FullSite): Promise<void> {
    this.site = site;
    this.form.fill(values(site));
    if (this.setting) await this.tests.load(site.slug, site.capacity.units, this.setting);
  }

  private say(v: Values): void {
    const [units, each] = [v["units"] as number | null, v["rpm_per_unit"] as number | null];
    const saved = this.site?.capacity;
    const [workers, service, limit] = [v["workers_per_unit"] as number | null, v["service_seconds"] as number | null, v["p95_limit_ms"] as number | null];
    patch(this.sum, [units, each, workers, service, limit, saved], () => {
      if (!each && units && workers && service) return [staffed(units, workers, service, limit ?? 0, saved)];
      if (!units || !each || !(units > 0) || !(each > 0) || !Number.isFinite(units * each)) return ["Enter the units and what one serves, and the capacity stands here."];
      const dropped = saved?.measured && each !== saved.rpm_per_unit ? ". Another figure drops what load tests measured." : "";
      if (saved?.measured?.curve && !dropped) {
        const at = units === saved.units ? ` = ${exact(saved.capacity_rpm)} a minute` : "";
        return [`${grouped(units)} ${units === 1 ? "unit" : "units"} by the measured curve, tested up to ${saved.measured.tested_max_units}${at}`];
      }
      const all = units * each;
      return [`${grouped(units)} ${units === 1 ? "unit" : "units"} × ${exact(each)} requests a minute = ${exact(all)} a minute (${exact(all / 60)} a second)${dropped}`];
    });
  }
}

function values(x: FullSite): Values {
  const c = x.capacity as FullSite["capacity"] & { lead_time_p50_seconds: number; p95_limit_ms: number; max_extra_unit_hours_per_day: number };
  return {
    units: c.units, rpm_per_unit: c.rpm_per_unit || null, workers_per_unit: c.workers_per_unit || null, service_seconds: c.service_seconds || null, min_units: c.min_units, max_units: c.max_units,
    lead50: tidy(c.lead_time_p50_seconds / 60), lead95: tidy(c.lead_time_p95_seconds / 60), sustain_minutes: c.sustain_minutes, p95_limit_ms: c.p95_limit_ms,
    cost_lost_request: c.cost_lost_request, cost_idle_unit_hour: c.cost_idle_unit_hour, currency: c.currency, alert: tidy(100 * c.alert_probability),
    max_extra_unit_hours_per_day: c.max_extra_unit_hours_per_day,
  }; // prettier-ignore
}

// staffed says what so many workers come to. The service works it out: until these values are saved the figure is left open.
function staffed(units: number, workers: number, service: number, limit: number, saved: Capacity | undefined): string {
  const wait = tidy(limit / 1000 - service);
  if (!(wait > 0)) return `Say below how slow an answer may be: longer than the ${seconds(service)} s it takes when nobody waits.`;
  const known = saved && !saved.rpm_per_unit && saved.units === units && saved.workers_per_unit === workers && saved.service_seconds === service && saved.p95_limit_ms === limit;
  const head = `${grouped(units)} ${units === 1 ? "unit" : "units"} × ${grouped(workers)} ${workers === 1 ? "worker" : "workers"} at ${seconds(service)} s`;
  const whole = `while 95 in 100 wait no longer than ${seconds(wait)} s`;
  return known ? `${head} = about ${exact(saved.capacity_rpm)} requests a minute ${whole}` : `${head}: save, and what they take a minute ${whole} stands here.`;
}

function seconds(x: number): string {
  return new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format(x);
}

// tidy takes off what binary fractions leave behind: 100 × 0.07 is 7.
function tidy(x: number): number {
  return Math.round(x * 1e6) / 1e6;
}

const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

function exact(x: number): string {
  return fine.format(x);
}

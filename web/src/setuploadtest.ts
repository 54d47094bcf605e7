import { del, get, post, said, upload } from "./api";
import { h, patch } from "./element";
import { rate } from "./number";
import { act } from "./setupform";
import type { Setting } from "./setuppage";
import { instant, timeElement, withTimes } from "./zone";

// LoadTests reads what a load test told: a file is dropped or chosen, the figure is proposed with its
// interval, and it becomes the site's only when someone takes it over.

interface Measured {
  rpm_per_unit: number | null; // proposed
  in_use_rpm_per_unit: number | null;
  tested_max_units: number;
  curve: { points: { units: number; rpm: number | null; low_rpm: number | null; high_rpm: number | null }[] | null } | null;
  sentences: string[] | null;
}

interface Tests {
  items: { id: string; tool: string; file: string; units: number; ran_at: string; by: string; notes: string[] | null }[] | null;
  measured: Measured;
}

export class LoadTests {
  readonly element = h("section", { class: "card", "aria-labelledby": "loadtest-h", hidden: true });
  private readonly units = h<HTMLInputElement>("input", { id: "tested", type: "number", min: 1, step: 1, inputmode: "numeric" });
  private readonly file = h<HTMLInputElement>("input", { id: "loadfile", type: "file", "aria-describedby": "loadfile-h" });
  private readonly failed = h("p", { class: "failed", role: "alert" });
  private readonly told = h("p", { class: "formsaid", role: "status" });
  private readonly result = h("div", { class: "parts" });
  private slug = "";
  private setting: Setting | null = null;

  // taken is called once a figure has become the site's.
  constructor(private readonly taken: () => Promise<void>) {
    const drop = h(
      "div",
      { class: "drop" },
      h("div", { class: "entry" }, h("label", { for: "tested" }, "Units that served during the test"), this.units),
      h("div", { class: "entry" }, h("label", { for: "loadfile" }, "Result of a load test: drop it here, or choose it"), this.file, h("p", { id: "loadfile-h", class: "note" }, "Of k6, vegeta, Locust, JMeter or wrk; at most 5 MB. The content tells the tool.")),
    );
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (e) => {
        e.preventDefault();
        drop.classList.add("over");
      });
    }
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (e) => {
      e.preventDefault();
      drop.classList.remove("over");
      const f = e.dataTransfer?.files[0];
      if (f) void this.send(f);
    });
    this.file.addEventListener("change", () => {
      const f = this.file.files?.[0];
      if (f) void this.send(f);
    });
    this.element.append(h("h2", { id: "loadtest-h" }, "Or from a load test"), drop, this.failed, this.told, this.result);
  }

  async load(slug: string, units: number, s: Setting): Promise<void> {
    if (slug !== this.slug) {
      this.units.value = String(units || 1);
      patch(this.result, slug, () => []); // what another site's tests told
    }
    this.slug = slug;
    this.setting = s;
    this.element.hidden = slug === "";
    if (slug === "") return;
    const tests = await get<Tests>(this.path());
    if (this.slug === slug) this.show(tests);
  }

  private path(): string {
    return `/v1/sites/${encodeURIComponent(this.slug)}/load-tests`;
  }

  private async send(f: File): Promise<void> {
    this.failed.textContent = "";
    this.told.textContent = `Reading ${f.name}…`;
    try {
      await upload(`${this.path()}?units=${encodeURIComponent(this.units.value || "0")}&file=${encodeURIComponent(f.name)}`, f);
      this.told.textContent = `${f.name} is read.`;
      this.show(await get<Tests>(this.path()));
    } catch (e) {
      this.told.textContent = "";
      this.failed.textContent = said(e);
    } finally {
      this.file.value = "";
    }
  }

  private show(t: Tests): void {
    const m = t.measured;
    const items = t.items ?? [];
    const zone = this.setting?.shell.zone ?? "UTC";
    const now = this.setting?.now ?? Number.NaN;
    patch(this.result, [t, zone], () => {
      if (items.length === 0) return [];
      const proposed = m.rpm_per_unit;
      const take: HTMLButtonElement = h<HTMLButtonElement>("button", {
        type: "button",
        click: () => void act(take, "Taking it over…", this.failed, async () => {
          await post(`${this.path()}/apply`, { rpm_per_unit: proposed });
          await this.taken();
          this.told.textContent = "Taken over. The next forecast uses it.";
        }),
      }, "Use this figure"); // prettier-ignore
      const points = (m.curve?.points ?? []).filter((p) => p.units <= m.tested_max_units) // beyond it nothing is claimed;
      return [
        ...(m.sentences ?? []).map((w) => h("p", {}, ...withTimes(w))),
        proposed === null || proposed === m.in_use_rpm_per_unit ? null : h("div", { class: "inrow" }, take),
        points.length > 1 ? curve(points) : null,
        h(
          "ul",
          { class: "plainlist" },
          ...items.map((x) => {
            const gone: HTMLButtonElement = h<HTMLButtonElement>("button", {
              type: "button",
              class: "small",
              click: () => void act(gone, "Removing…", this.failed, async () => {
                await del(`${this.path()}/${encodeURIComponent(x.id)}`);
                this.show(await get<Tests>(this.path()));
              }),
            }, "Remove", h("span", { class: "sr" }, ` ${x.file}`)); // prettier-ignore
            return h("li", {}, `${x.file || x.tool} (${x.tool}), ${x.units} ${x.units === 1 ? "unit" : "units"}, `, timeElement(instant(x.ran_at), now, zone), x.by ? ` by ${x.by}` : "", gone);
          }),
        ),
      ];
    });
  }
}

function curve(points: NonNullable<NonNullable<Measured["curve"]>["points"]>): HTMLElement {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "What so many units serve" },
    h(
      "table",
      {},
      h("caption", {}, "Requests a minute that so many units serve"),
      h("thead", {}, h("tr", {}, ...["units", "serve", "at least", "at most"].map((c) => h("th", { scope: "col" }, c)))),
      h("tbody", {}, ...points.map((p) => h("tr", {}, h("th", { scope: "row" }, String(p.units)), ...[p.rpm, p.low_rpm, p.high_rpm].map((x) => h("td", {}, rate(x)))))),
    ),
  );
}

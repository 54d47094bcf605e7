import { get, Problem } from "./api";
import type { Worklist } from "./documents";
import { h, patch } from "./element";
import { rate } from "./number";
import { dated } from "./paper";
import type { Review, SurgeHead } from "./reviewdoc";
import { type Page, type Shell, setQuery } from "./shell";
import { simulatedChip } from "./state";
import { clock, day, full, instant, withTimes } from "./zone";

const perPage = 20;
const kindWords: Record<string, string> = { overload: "overload", failing: "failing" };

// ReviewsPage lists the surges of the sites, newest first. How each went is the headline of its review,
// fetched one after the other; misses and false alarms stand there like the rest.
export class ReviewsPage implements Page {
  readonly stream = "";
  private surges: SurgeHead[] = [];
  private next = "";
  private list: Worklist | null = null;
  private readonly went = new Map<string, { review: Review | null; said: string; state: string }>();
  private telling = false;
  private site: string;
  private readonly siteMenu = h<HTMLSelectElement>("select", { id: "review-site" });
  private readonly body = h("ol", { class: "reviews" });
  private readonly more = h<HTMLButtonElement>("button", { type: "button", hidden: true, click: () => void this.older() }, "Older ones");
  private readonly none = h("div", { class: "card", hidden: true });

  constructor(private readonly shell: Shell) {
    dated(shell);
    this.site = new URLSearchParams(location.search).get("site") ?? "";
    this.siteMenu.addEventListener("change", () => {
      this.site = this.siteMenu.value;
      setQuery("site", this.site || null);
      this.surges = [];
      this.next = "";
      this.more.hidden = true;
      void this.load();
    });
    shell.main.append(
      h("div", { class: "sitehead" }, h("h1", {}, "How it went"), h("label", { class: "inline" }, h("span", {}, "Site "), this.siteMenu)),
      h("p", { class: "note" }, "Every surge we warned of, and every one we did not. Misses and false alarms stand here like the rest."),
      this.none,
      this.body,
      h("p", {}, this.more),
    );
  }

  // page is some surges of the chosen site; null: another site was chosen before they came.
  private async page(after: string): Promise<{ items: SurgeHead[] | null; next?: string } | null> {
    const { site } = this;
    const of = site ? `&site=${encodeURIComponent(site)}` : "";
    const page = await get<{ items: SurgeHead[] | null; next?: string }>(`/v1/surges?limit=${perPage}${of}${after ? `&after=${encodeURIComponent(after)}` : ""}`);
    return site === this.site ? page : null;
  }

  async load(): Promise<void> {
    const [list, first] = await Promise.all([get<Worklist>("/v1/sites?limit=500"), this.page("")]);
    if (!first) return;
    this.list = list;
    const fresh = first.items ?? [];
    const known = new Set(fresh.map((s) => s.id));
    if (this.surges.length <= perPage) this.next = first.next ?? "";
    this.surges = [...fresh, ...this.surges.filter((s) => !known.has(s.id))];
    this.render();
    void this.tell();
  }

  private async older(): Promise<void> {
    this.more.disabled = true;
    try {
      const page = await this.page(this.next);
      if (!page) return;
      this.surges.push(...(page.items ?? []));
      this.next = page.next ?? "";
    } finally {
      this.more.disabled = false;
    }
    this.render();
    void this.tell();
  }

  // tell fetches what is not known yet, one after the other: each is read from the ledger.
  private async tell(): Promise<void> {
    if (this.telling) return;
    this.telling = true;
    try {
      const state = (s: SurgeHead) => s.closed_at ?? s.state;
      // The list may become another one while a review is read: what is told next is of the list as it is then.
      for (let s; (s = this.mine().find((x) => this.went.get(x.id)?.state !== state(x))); this.render()) {
        try {
          const review = await get<Review>(`/v1/surges/${encodeURIComponent(s.id)}/review`);
          this.went.set(s.id, { review, said: review.headline, state: state(s) });
        } catch (e) {
          if (!(e instanceof Problem)) throw e;
          this.went.set(s.id, { review: null, said: `No review: ${e.message}.`, state: state(s) });
        }
      }
    } finally {
      this.telling = false;
    }
  }

  // A topic's surge has no review: nothing was forecast to be paid for.
  private mine(): SurgeHead[] {
    return this.surges.filter((s) => s.kind !== "talk");
  }

  private render(): void {
    const { list } = this;
    if (!list) return;
    const now = instant(list.now);
    const sites = list.items ?? [];
    const shown = this.mine();
    this.shell.show({
      simulated: shown.some((s) => s.simulated) || sites.some((s) => s.simulated),
      title: "Reviews · Surgecast",
      updatedAt: now,
      now,
      zones: [...new Set(sites.map((s) => s.time_zone))],
    });
    const zone = this.shell.zone;
    patch(this.siteMenu, sites.map((s) => [s.slug, s.name]), () => [h("option", { value: "" }, "All sites"), ...sites.map((s) => h("option", { value: s.slug }, s.name))]);
    this.siteMenu.value = this.site;
    this.none.hidden = shown.length > 0;
    patch(this.none, [this.next !== "", sites.length], () => [
      h("p", {}, "No surges yet. When a site comes near its capacity, what was said and what came will stand here, side by side."),
    ]);
    patch(this.body, [shown, shown.map((s) => this.went.get(s.id)?.said), zone], () => shown.map((s) => this.row(s, sites.find((x) => x.slug === s.subject)?.name ?? s.subject, zone)));
    this.more.hidden = this.next === "";
  }

  private row(s: SurgeHead, name: string, zone: string): HTMLElement {
    const w = this.went.get(s.id);
    const opened = instant(s.opened_at);
    const closed = instant(s.closed_at);
    const at = (t: number) => h("time", { datetime: new Date(t).toISOString(), title: full(t, zone) }, clock(t, zone));
    return h(
      "li",
      { class: "card review" },
      h(
        "p",
        { class: "reviewhead" },
        h("a", { href: `/reviews/${encodeURIComponent(s.id)}${location.search}` }, h("strong", {}, name), `, ${day(opened, zone)}, `, at(opened), "–", Number.isFinite(closed) ? at(closed) : "now"),
        s.simulated && simulatedChip(),
        !s.closed_at && h("span", { class: "chip open" }, "still open"),
      ),
      w ? h("p", { class: "went" }, ...withTimes(w.said)) : h("p", { class: "note" }, "Reading the ledger…"),
      h("p", { class: "note" }, kindWords[s.kind] ?? s.kind, s.peak === null ? "" : `, peak ${rate(s.peak)} requests a minute`),
    );
  }

  tick(): void {}

  rezone(): void {
    this.render();
  }
}

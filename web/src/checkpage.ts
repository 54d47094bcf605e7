import { get, said } from "./api";
import { bases, check, type CheckAnswer, watch, words } from "./checkanswer";
import type { Site } from "./documents";
import { h, patch } from "./element";
import { feedName } from "./feedname";
import { dated } from "./paper";
import { type Page, type Shell, setQuery } from "./shell";
import { simulatedChip } from "./state";
import { instant, timeElement, withTimes } from "./zone";

// CheckPage: what is being said, and what it does to a site. The question is in the address, so that a
// copied link asks the same; the sentences are the API's, as the terminal prints them.

const againMS = 10_000; // an open answer is asked for again at most so often

export class CheckPage implements Page {
  readonly stream = "";
  private sites: Site[] = [];
  private now = Number.NaN;
  private answer: CheckAnswer | null = null;
  private asked = -againMS;
  private turn = 0;
  private moved = 0; // the turn a person asked last
  private watching = false; // a topic is being set up: news must not put a fresh button in place of the one pressed
  private readonly text = h<HTMLInputElement>("input", {
    id: "q", type: "text", maxlength: 500, autocomplete: "off", required: true, "aria-describedby": "q-h q-e", placeholder: "#nordlichtlive, \"Nordlicht tour\"",
  }); // prettier-ignore
  private readonly site = h<HTMLSelectElement>("select", { id: "site" });
  private readonly button = h<HTMLButtonElement>("button", { type: "submit", class: "main" }, "Check");
  private readonly error = h("p", { id: "q-e", class: "fielderror", hidden: true });
  private readonly progress = h("p", { class: "note progress", role: "status" });
  private readonly card = h("section", { class: "card verdict", "aria-labelledby": "headline", hidden: true });
  private readonly try = h("section", { class: "card", hidden: true });
  private readonly none = h("p", { class: "card", hidden: true }, "There is no site to check against yet. ", h("a", { href: "/setup?tab=sites" }, "Watch my site"), " (2 minutes).");

  constructor(private readonly shell: Shell) {
    dated(shell);
    const form = h(
      "form",
      { class: "card checkform", role: "search", "aria-label": "Check a topic", novalidate: true, submit: (e) => this.submit(e) },
      h("div", { class: "entry grow" }, h("label", { for: "q" }, "What is being said?"), this.text, h("p", { id: "q-h", class: "note" }, "Words, hashtags or a topic's name, with commas between."), this.error),
      h("div", { class: "entry" }, h("label", { for: "site" }, "On which site?"), this.site),
      this.button,
    );
    shell.main.append(h("h1", {}, "Check a topic"), this.none, form, this.progress, this.card, this.try);
    addEventListener("popstate", () => {
      this.read();
      void this.ask(false);
    });
  }

  async load(): Promise<void> {
    if (this.sites.length === 0) {
      const [sites, topics] = await Promise.all([
        get<{ items: Site[] | null; now: string }>("/v1/sites?limit=500"),
        get<{ items: { slug: string; name: string; simulated: boolean }[] | null }>("/v1/topics?limit=8"),
      ]);
      this.sites = sites.items ?? [];
      this.now = instant(sites.now);
      patch(this.site, this.sites.map((s) => [s.slug, s.name]), () => this.sites.map((s) => h("option", { value: s.slug }, s.name)));
      this.none.hidden = this.sites.length > 0;
      this.read();
      this.suggest(topics.items ?? []);
      this.head();
      if (this.text.value !== "" && this.sites.length > 0) await this.ask(false);
      return;
    }
    // News: an answer that is open is brought up to date, quietly and not too often.
    if (this.answer && !this.watching && !this.shell.paused && performance.now() - this.asked >= againMS) await this.ask(false);
  }

  rezone(): void {
    this.render();
  }

  tick(): void {}

  private read(): void {
    const q = new URLSearchParams(location.search);
    this.text.value = q.get("q") ?? "";
    const site = q.get("site");
    if (site && this.sites.some((s) => s.slug === site)) this.site.value = site;
  }

  private suggest(topics: { slug: string; name: string }[]): void {
    this.try.hidden = topics.length === 0;
    patch(this.try, topics, () => [
      h("h2", {}, "Counted already"),
      h("ul", { class: "chipsrow" }, ...topics.map((t) => h("li", {}, h("a", {
        href: `/check?q=${encodeURIComponent(t.slug)}`,
        click: (e) => {
          e.preventDefault();
          this.text.value = t.slug;
          this.submit(e);
        },
      }, t.name)))),
    ]); // prettier-ignore
  }

  private submit(e: Event): void {
    e.preventDefault();
    const text = this.text.value.trim();
    if (text === "") {
      this.fail("Write what is being said, or a topic's name.");
      return;
    }
    const q = new URLSearchParams(location.search);
    q.set("q", text);
    q.set("site", this.site.value);
    const address = `${location.pathname}?${q}`;
    if (address !== location.pathname + location.search) history.pushState(null, "", address);
    void this.ask(true);
  }

  private fail(words: string): void {
    this.error.textContent = words;
    this.error.hidden = words === "";
    if (words === "") this.text.removeAttribute("aria-invalid");
    else {
      this.text.setAttribute("aria-invalid", "true");
      this.text.focus();
    }
  }

  // ask puts the question; moved says that a person asked, so the focus goes to the answer.
  private async ask(moved: boolean): Promise<void> {
    const text = this.text.value.trim();
    const site = this.site.value;
    const turn = ++this.turn;
    if (text === "" || site === "") {
      this.answer = null;
      this.render();
      return;
    }
    this.asked = performance.now();
    if (moved) {
      this.moved = turn;
      this.fail("");
      this.button.disabled = true;
      this.button.textContent = "Checking…";
      this.progress.textContent = "Asking what is counted and what the site can take…";
    }
    try {
      const answer = await check(text, site);
      if (turn !== this.turn) return; // another question was asked meanwhile
      this.answer = answer;
      this.render();
      if (moved) this.card.querySelector<HTMLElement>("#headline")?.focus();
    } catch (e) {
      if (turn !== this.turn) return;
      if (e instanceof Error && e.name === "Unauthorised") throw e;
      this.fail(said(e));
    } finally {
      if (moved && turn === this.moved) {
        this.button.disabled = false;
        this.button.textContent = "Check";
        this.progress.textContent = "";
      }
    }
  }

  private head(): void {
    const a = this.answer;
    const chosen = this.sites.find((s) => s.slug === this.site.value);
    this.shell.show({
      simulated: a ? a.simulated : chosen?.simulated === true,
      title: `${a ? `${this.text.value.trim()} · ` : ""}Check · Surgecast`,
      updatedAt: a ? instant(a.now) : Number.NaN,
      now: a ? instant(a.now) : this.now,
      zones: [a?.time_zone ?? chosen?.time_zone ?? "UTC"],
    });
  }

  private render(): void {
    const a = this.answer;
    this.card.hidden = a === null;
    if (!a) return;
    this.head();
    const { word, shape, tone } = words[a.word] ?? words.cannot_tell;
    const now = instant(a.now);
    const zone = this.shell.zone;
    this.card.className = `card verdict ${tone}`;
    const text = this.text.value.trim();
    patch(this.card, [a, zone, text], () => {
      const told = h("span", { class: "failed", role: "alert" });
      const button = h<HTMLButtonElement>("button", {
        type: "button",
        class: "watch",
        click: () => {
          button.disabled = true;
          button.textContent = "Starting to count…";
          this.watching = true;
          watch(text, a.site, a.topic)
            .then(async (slug) => {
              this.text.value = slug;
              setQuery("q", slug);
              await this.ask(true);
            })
            .catch((e: unknown) => {
              told.textContent = said(e);
              button.disabled = false;
              button.textContent = "Watch this topic";
            })
            .finally(() => (this.watching = false));
        },
      }, a.topic === "" ? "Watch this topic" : `Let it count for ${a.name}`); // prettier-ignore
      const caveats = a.caveats ?? [];
      return [
        h(
          "p",
          { class: "checkword" },
          h("span", { class: `badge ${tone}` }, h("span", { class: "shape", "aria-hidden": "true" }, shape), word),
          " ",
          h("span", { class: "since" }, `“${text}”, ${a.name}`),
          a.simulated && simulatedChip(),
        ),
        h("h2", { id: "headline", tabindex: "-1" }, ...withTimes(a.headline)),
        h("p", { class: "sentence", id: "sentence" }, ...withTimes(a.sentence)),
        caveats.length > 0 || zone !== a.time_zone
          ? h("ul", { class: "caveats" }, ...caveats.map((c) => h("li", {}, ...withTimes(c))), zone !== a.time_zone && h("li", {}, `Times in these sentences are in ${a.time_zone}.`))
          : null,
        h("p", { class: "note basis" }, bases[a.basis], a.visits_basis === "similar_sites" ? " What a mention brings: as on similar sites, not measured here." : "", " Answer from ", timeElement(now, now, zone), "."),
        this.countedBy(a, now, zone),
        h(
          "div",
          { class: "inrow actions" },
          !a.linked && button,
          a.topic !== "" && h("a", { href: `/topics/${a.topic}?site=${a.site}` }, "See the talk, feed by feed"),
          h("a", { href: `/plan?site=${a.site}` }, "Plan a send"),
          h("a", { href: `/sites/${a.site}` }, `Open ${a.name}`),
          told,
        ),
      ];
    });
  }

  private countedBy(a: CheckAnswer, now: number, zone: string): HTMLElement | null {
    const counted = a.counted ?? [];
    if (counted.length === 0) return a.topic === "" ? null : h("p", { class: "note counted" }, "Counted so far: by no feed yet. Missing, not zero.");
    return h(
      "p",
      { class: "note counted" },
      "Counted so far: ",
      ...counted.flatMap((c, i): (Node | string)[] => {
        const through = instant(c.through);
        const late = now - through > 10 * 60_000;
        return [i > 0 ? " · " : "", `${feedName(c.source)} ${span(through - instant(c.since))}`, ...(late ? [", up to ", timeElement(through, now, zone)] : [])];
      }),
    );
  }
}

// span is how long: "34 min", "5 h", "7 days", rounded down.
export function span(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 120) return `${minutes} min`;
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h`;
  return `${Math.floor(minutes / 1440)} days`;
}

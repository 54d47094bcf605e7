import { del, get, Problem, put } from "./api";
import { check, type CheckAnswer } from "./checkanswer";
import type { Site, State } from "./documents";
import { h, patch } from "./element";
import { feedName } from "./feedname";
import { dated } from "./paper";
import { act, deletion, Form } from "./setupform";
import { type Page, type Shell, setQuery } from "./shell";
import { badge, simulatedChip } from "./state";
import { TopicChart } from "./topicchart";
import { type Mentions, perMinute, series, timesUsual } from "./topicseries";
import { terms, typed } from "./topicterms";
import { instant, timeElement, withTimes } from "./zone";

// TopicPage: how fast a topic is talked about, feed by feed. A chart is one feed's; what the API adds up, it names.

export interface Topic {
  slug: string;
  name: string;
  any: string[] | null;
  and: string[] | null;
  not: string[] | null;
  revision: number;
  since: string;
  simulated: boolean;
  talk: { source: string; sentence: string } | null;
}

const windows = { "1h": { minutes: 60, every: 1, tick: 10, againMS: 0 }, "6h": { minutes: 360, every: 1, tick: 60, againMS: 5_000 }, "24h": { minutes: 1440, every: 5, tick: 180, againMS: 20_000 } } as const;
type Window = keyof typeof windows;
const checkAgainMS = 10_000;

export class TopicPage implements Page {
  readonly stream = "";
  private topic: Topic | null = null;
  private sites: Site[] = [];
  private linked: string[] = [];
  private mentions: Mentions | null = null;
  private minutes = 0; // of the mentions shown
  private answer: CheckAnswer | null = null;
  private asked = Number.NEGATIVE_INFINITY;
  private counted = Number.NEGATIVE_INFINITY;
  private cursor: number | null = null;
  private readonly charts = new Map<string, TopicChart>();
  private readonly name = h("h1", {});
  private readonly chips = h("ul", { class: "talkfacts", "aria-label": "How much is said" });
  private readonly motion = h("p", { class: "talkmotion", hidden: true });
  private readonly verdict = h("section", { class: "card", "aria-label": "What it does to a site", hidden: true });
  private readonly note = h("p", { class: "note" });
  private readonly copying = h("p", { class: "card copying", hidden: true });
  private readonly choice = h("div", { class: "choice", role: "group", "aria-label": "Hours shown" });
  private readonly grid = h("div", { class: "talks" });
  private readonly empty = h("p", { class: "card", hidden: true });
  private readonly feeds = h("section", { class: "card sitesfed", "aria-labelledby": "feeds-h" });
  private readonly revision = h("p", { class: "note" });
  private readonly form: Form;
  private readonly parts: HTMLElement;

  constructor(
    private readonly shell: Shell,
    private readonly slug: string,
  ) {
    dated(shell);
    for (const w of Object.keys(windows) as Window[]) {
      this.choice.append(h("button", { type: "button", "data-window": w, click: () => this.choose(w) }, w.replace("h", " h")));
    }
    this.form = termsForm("Save terms", async (v) => {
      this.topic = await put<Topic>(this.path(), v);
      this.head();
    });
    const edit = h("details", { class: "card", id: "terms" }, h("summary", {}, h("h2", {}, "Edit terms")), this.revision, this.form.element);
    this.parts = h(
      "div",
      { class: "parts", hidden: true },
      this.chips,
      this.motion,
      this.verdict,
      h("div", { class: "figurehead" }, h("h2", {}, "Mentions, feed by feed"), this.choice),
      this.note,
      this.copying,
      this.empty,
      this.grid,
      this.feeds,
      edit,
      deletion("topic", slug, "It is no longer counted, and its counts are deleted.", async () => {
        await del(this.path());
        location.assign("/topics");
      }),
    );
    shell.main.append(h("div", { class: "sitehead" }, h("a", { href: "/topics", class: "backlink" }, "‹ Topics"), this.name), this.parts);
  }

  async load(): Promise<void> {
    if (!this.topic) {
      try {
        const [topic, sites] = await Promise.all([get<Topic>(this.path()), get<{ items: Site[] | null }>("/v1/sites?limit=500")]);
        this.topic = topic;
        this.sites = sites.items ?? [];
      } catch (e) {
        if (e instanceof Problem && e.status === 404) {
          this.name.textContent = `No topic called ${this.slug} here`;
          document.title = "No such topic · Surgecast";
        }
        throw e;
      }
      this.form.fill({ name: this.topic.name, any: typed(this.topic.any), and: typed(this.topic.and), not: typed(this.topic.not) });
      await this.findLinks();
    }
    const asked = this.window;
    const w = windows[asked];
    const time = performance.now();
    if (time - this.counted >= w.againMS) {
      this.counted = time;
      const m = await get<Mentions>(`${this.path()}/mentions?minutes=${w.minutes}`);
      // A paused page takes no news, but the hours its reader asks for.
      if (this.window === asked && (!this.shell.paused || this.minutes !== w.minutes)) [this.mentions, this.minutes] = [m, w.minutes];
    }
    if (time - this.asked >= checkAgainMS) await this.ask();
    this.parts.hidden = false;
    this.render();
  }

  rezone(): void {
    this.render();
  }

  tick(): void {}

  private path(): string {
    return `/v1/topics/${encodeURIComponent(this.slug)}`;
  }

  private get window(): Window {
    const w = new URLSearchParams(location.search).get("range");
    return w !== null && Object.hasOwn(windows, w) ? (w as Window) : "1h";
  }

  private choose(w: Window): void {
    setQuery("range", w === "1h" ? null : w);
    this.counted = Number.NEGATIVE_INFINITY;
    this.render();
    if (this.shell.paused) void this.load();
    else this.shell.request();
  }

  // Which site the talk is judged for: the one in the address, else the first it feeds, else the first.
  private get site(): string {
    const asked = new URLSearchParams(location.search).get("site");
    if (asked && this.sites.some((s) => s.slug === asked)) return asked;
    return this.linked[0] ?? this.sites[0]?.slug ?? "";
  }

  private async findLinks(): Promise<void> {
    const found = await Promise.all(
      this.sites.slice(0, 50).map(async (s) => {
        const links = await get<{ items: { topic: string }[] | null }>(`/v1/sites/${encodeURIComponent(s.slug)}/topics`);
        return (links.items ?? []).some((l) => l.topic === this.slug) ? s.slug : "";
      }),
    );
    this.linked = found.filter((s) => s !== "");
  }

  private async ask(): Promise<void> {
    this.asked = performance.now();
    const topic = await get<Topic>(this.path());
    if (this.topic && !this.shell.paused) this.topic.talk = topic.talk;
    const { site } = this;
    if (site === "") return;
    const answer = await check(this.slug, site);
    // Of another site than is chosen by now it says nothing; a paused page takes no news, but what its reader asks for.
    if (site === this.site && (!this.shell.paused || this.answer?.site !== site)) this.answer = answer;
  }

  private head(): void {
    const t = this.topic;
    if (!t) return;
    patch(this.name, [t.name, t.simulated], () => [t.name, t.simulated && h("span", { class: "headchip" }, " ", simulatedChip())]);
    const now = this.mentions ? instant(this.mentions.now) : this.shell.clock.now();
    patch(this.revision, [t.revision, t.since, this.shell.zone], () => [
      `Revision ${t.revision}, counted since `,
      timeElement(instant(t.since), now, this.shell.zone),
      ". Other terms start a new revision: counts before and after do not compare.",
    ]);
  }

  private render(): void {
    const { topic, mentions, answer } = this;
    if (!topic || !mentions) return;
    const site = this.sites.find((s) => s.slug === this.site);
    const now = instant(mentions.now);
    this.shell.show({
      simulated: topic.simulated || mentions.simulated || answer?.simulated === true,
      title: `${topic.name} · Topics · Surgecast`,
      updatedAt: now,
      now,
      zones: [site?.time_zone ?? "UTC"],
    });
    const zone = this.shell.zone;
    this.head();
    for (const b of this.choice.querySelectorAll("button")) b.setAttribute("aria-pressed", String(b.dataset["window"] === this.window));
    const sources = mentions.sources ?? [];
    this.facts(answer, sources.length);
    const motion = answer && doubles(answer) ? "" : topic.talk?.sentence ?? ""; // else it is said above
    this.motion.hidden = motion === "";
    patch(this.motion, motion, () => [motion]);
    this.judge(answer, zone);

    const w = windows[this.window];
    const [from, to] = [instant(mentions.from), instant(mentions.to)];
    const drawn = sources.map((source) => ({ source, series: series(source, from, to, now, w.every) }));
    const share = mentions.copies_share;
    this.copying.hidden = share === null || share < 0.4;
    patch(this.copying, share === null ? 0 : Math.round(20 * share), () => [
      h("b", {}, "Much copying: "),
      `${5 * Math.round(20 * (share ?? 0))} % of mentions are copies. Expect fewer visits than the count suggests.`,
    ]);
    this.empty.hidden = sources.length > 0;
    patch(this.empty, [topic.since, zone, w.minutes], () => ["No feed has counted this topic in this time. Missing, not zero. It is watched since ", timeElement(instant(topic.since), now, zone), "."]);

    const large = new URLSearchParams(location.search).get("feed");
    const known = new Set(sources.map((s) => s.source));
    for (const [name, chart] of this.charts) {
      if (known.has(name)) continue;
      chart.element.remove();
      this.charts.delete(name);
    }
    for (const { source, series: s } of drawn) {
      let chart = this.charts.get(source.source);
      if (!chart) {
        chart = new TopicChart(
          (at) => {
            this.cursor = at; // one cursor for all: the same minute in each feed
            this.render();
          },
          () => {
            setQuery("feed", new URLSearchParams(location.search).get("feed") === source.source ? null : source.source);
            this.render();
          },
        );
        this.charts.set(source.source, chart);
        this.grid.append(chart.element);
      }
      chart.show({ source, series: s, from, to, now, zone, tickMinutes: w.tick, large: large === source.source }, this.cursor);
    }
    this.links(topic);
  }

  private facts(a: CheckAnswer | null, feeds: number): void {
    const facts: string[] = [];
    const summed = (a?.counted ?? []).filter((c) => c.summed).map((c) => feedName(c.source));
    patch(this.note, summed, () => [
      "Raw counts everything; organic leaves out copies and suspects; authors counts people once. Each feed stands for itself, with its own scale, because the people of many overlap.",
      summed.length > 1 && ` Only posts of networks that do not share them are added up, for the number at the top: ${listed(summed)}.`,
    ]);
    if (a && a.basis !== "prior") {
      facts.push(timesUsual(a.times_usual));
      if (doubles(a)) facts.push(`doubling every ${Math.max(1, Math.round(a.doubling_minutes ?? 0))} min`);
      if (a.mentions_per_minute !== null) {
        const usual = a.usual_mentions_per_minute === null ? "" : `, usually ${perMinute(a.usual_mentions_per_minute)}`;
        facts.push(`${perMinute(a.mentions_per_minute)}${summed.length > 0 ? ` (${listed(summed)}, last 5 minutes)` : ""}${usual}`);
      }
      if (a.basis === "recent") facts.push("“usual” is still a guess");
    }
    facts.push(feeds === 0 ? "no feed has counted it yet" : `counted by ${feeds} ${feeds === 1 ? "feed" : "feeds"}`);
    patch(this.chips, facts, () => facts.filter((f) => f !== "").map((f) => h("li", {}, f)));
  }

  private judge(a: CheckAnswer | null, zone: string): void {
    this.verdict.hidden = a === null;
    patch(this.verdict, [a, zone, this.sites.length], () => {
      if (!a) return [];
      const select = h<HTMLSelectElement>("select", { id: "judged" }, ...this.sites.map((s) => h("option", { value: s.slug, selected: s.slug === a.site }, s.name)));
      select.addEventListener("change", () => {
        setQuery("site", select.value);
        void this.ask().then(() => this.render());
      });
      return [
        h("div", { class: "inrow" }, h("label", { for: "judged" }, "What it does to"), select, badge(a.state as State)),
        h("p", { class: "talkheadline" }, ...withTimes(a.headline)),
        h("p", { class: "sentence" }, ...withTimes(a.sentence)),
        ...(a.caveats ?? []).map((c) => h("p", { class: "note" }, ...withTimes(c))),
        zone !== a.time_zone && h("p", { class: "note" }, `Times in these sentences are in ${a.time_zone}.`),
        h("p", { class: "links" }, h("a", { href: `/check?q=${encodeURIComponent(this.slug)}&site=${a.site}` }, "Check again"), " · ", h("a", { href: `/sites/${a.site}` }, `Open ${a.name}`)),
      ];
    });
  }

  private links(t: Topic): void {
    const fed = this.linked.flatMap((slug) => this.sites.filter((s) => s.slug === slug));
    const rest = this.sites.filter((s) => !this.linked.includes(s.slug));
    patch(this.feeds, [fed.map((s) => s.slug), rest.map((s) => s.slug), t.slug], () => {
      const words = h("p", { class: "failed", role: "alert" });
      const path = (site: string) => `/v1/sites/${encodeURIComponent(site)}/topics/${encodeURIComponent(t.slug)}`;
      const again = async () => {
        await this.findLinks();
        await this.ask();
        this.render();
      };
      const select = h<HTMLSelectElement>("select", { id: "linkto" }, ...rest.map((s) => h("option", { value: s.slug }, s.name)));
      const add = h<HTMLButtonElement>("button", {
        type: "button",
        click: () => void act(add, "Adding…", words, async () => {
          await put(path(select.value), {});
          await again();
        }),
      }, "Let it feed"); // prettier-ignore
      return [
        h("h2", { id: "feeds-h" }, "Sites it feeds"),
        fed.length === 0 ? h("p", { class: "note" }, "None: no site's forecast hears of it.") : null,
        h(
          "ul",
          { class: "plainlist" },
          ...fed.map((s) => {
            const button = h<HTMLButtonElement>("button", {
              type: "button",
              class: "small",
              click: () => void act(button, "Removing…", words, async () => {
                await del(path(s.slug));
                await again();
              }),
            }, "Remove", h("span", { class: "sr" }, ` ${s.name}`)); // prettier-ignore
            return h("li", {}, h("a", { href: `/sites/${s.slug}` }, s.name), " ", button);
          }),
        ),
        rest.length > 0 ? h("div", { class: "inrow" }, h("label", { for: "linkto" }, "Another site"), select, add) : null,
        words,
      ];
    });
  }
}

function doubles(a: CheckAnswer): boolean {
  return a.basis !== "prior" && (a.doubling_minutes ?? 0) > 0 && (a.times_usual ?? 0) >= 1.25;
}

// listed is "bluesky, mastodon and x".
function listed(names: string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

// termsForm is the form of a topic's terms, for a new one and for one that is there.
export function termsForm(save: string, run: (v: { name: string; any: string[]; and: string[]; not: string[] }) => Promise<void>): Form {
  return new Form(
    [
      { name: "name", label: "Name", attributes: { maxlength: "200" } },
      { name: "any", label: "Any of these", kind: "area", required: true, hint: "Words, phrases or hashtags, with commas between: #nordlichtlive, Nordlicht tour" },
      { name: "and", label: "And any of these (optional)", kind: "area", hint: "For words that mean other things too: “Nordlicht” and “tickets”." },
      { name: "not", label: "And none of these (optional)", kind: "area", hint: "What is talked about under the same name: northern lights" },
    ],
    { save, busy: "Saving…", done: "Saved." },
    (v) => run({ name: String(v["name"] ?? "").trim(), any: terms(String(v["any"])), and: terms(String(v["and"])), not: terms(String(v["not"])) }),
  );
}

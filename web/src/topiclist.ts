import { get, post, Problem, put } from "./api";
import type { Site } from "./documents";
import { h, patch } from "./element";
import { feedName } from "./feedname";
import { dated } from "./paper";
import { Form } from "./setupform";
import type { Page, Shell } from "./shell";
import { simulatedChip } from "./state";
import type { Topic } from "./topicpage";
import { amount, type Mentions } from "./topicseries";
import { slugOf, terms } from "./topicterms";
import { instant, timeElement } from "./zone";

// TopicList: what is counted, and a form for one more.

const heard = 20; // so many topics are shown with what is said of them now

export class TopicList implements Page {
  readonly stream = "";
  private topics: Topic[] | null = null;
  private now = Number.NaN;
  private sites: Site[] = [];
  private readonly said = new Map<string, Mentions>();
  private asked = Number.NEGATIVE_INFINITY;
  private turn = 0;
  private readonly lead = h("p", { class: "lead" });
  private readonly list = h("div", { class: "card list" });
  private readonly form: Form;
  private readonly site: HTMLSelectElement;

  constructor(private readonly shell: Shell) {
    dated(shell);
    this.site = h<HTMLSelectElement>("select", { id: "feeds" });
    this.form = new Form(
      [
        { name: "any", label: "Any of these words", kind: "area", required: true, hint: "Words, phrases or hashtags, with commas between: #nordlichtlive, Nordlicht tour" },
        { name: "name", label: "Name (optional)", hint: "As people call it. Default: the first of the words.", attributes: { maxlength: "200" } },
        h("div", { class: "entry" }, h("label", { for: "feeds" }, "Which site may it bring visits to?"), this.site),
      ],
      { save: "Watch this topic", busy: "Saving…", done: "It is counted from now on." },
      async (v) => {
        const any = terms(String(v["any"]));
        const name = String(v["name"]).trim() || (any[0] ?? "");
        const slug = await this.make(name, any);
        if (this.site.value !== "") await put(`/v1/sites/${encodeURIComponent(this.site.value)}/topics/${slug}`, {});
        this.form.fill({ any: "", name: "" });
        this.topics = null;
        await this.load();
        this.form.say(h("span", {}, "Counted from now on: ", h("a", { href: `/topics/${slug}` }, name), "."));
      },
    );
    shell.main.append(
      h("h1", {}, "Topics"),
      this.lead,
      this.list,
      h("section", { class: "card", "aria-labelledby": "new-h" }, h("h2", { id: "new-h" }, "Watch another topic"), this.form.element),
    );
  }

  async load(): Promise<void> {
    const time = performance.now();
    if (this.topics && time - this.asked < 5000) return;
    this.asked = time;
    const turn = ++this.turn;
    const [topics, sites] = await Promise.all([
      get<{ items: Topic[] | null }>("/v1/topics?limit=500"),
      this.sites.length > 0 ? null : get<{ items: Site[] | null; now: string }>("/v1/sites?limit=500"),
    ]);
    if (turn !== this.turn || (this.shell.paused && this.topics)) return; // a newer list is asked for, or nothing new is wanted
    if (sites) {
      this.sites = sites.items ?? [];
      this.now = instant(sites.now);
      patch(this.site, this.sites.map((s) => s.slug), () => [...this.sites.map((s) => h("option", { value: s.slug }, s.name)), h("option", { value: "" }, "None")]);
      this.form.rest();
    }
    this.topics = topics.items ?? [];
    await Promise.all(
      this.topics.slice(0, heard).map(async (t) => {
        const m = await get<Mentions>(`/v1/topics/${encodeURIComponent(t.slug)}/mentions?minutes=15`);
        this.said.set(t.slug, m);
        this.now = instant(m.now);
      }),
    );
    this.render();
  }

  rezone(): void {
    this.render();
  }

  tick(): void {}

  private async make(name: string, any: string[]): Promise<string> {
    const base = slugOf(name);
    for (let n = 1; ; n++) {
      const slug = n === 1 ? base : `${base}-${n}`;
      try {
        await post("/v1/topics", { slug, name, any });
        return slug;
      } catch (e) {
        if (!(e instanceof Problem) || e.code !== "already_exists" || n >= 9) throw e;
      }
    }
  }

  private render(): void {
    const topics = this.topics ?? [];
    const { now } = this;
    this.shell.show({
      simulated: topics.some((t) => t.simulated),
      title: "Topics · Surgecast",
      updatedAt: now,
      now,
      zones: [...new Set(this.sites.map((s) => s.time_zone))].slice(0, 12),
    });
    const zone = this.shell.zone;
    patch(this.lead, topics.length, () => [topics.length === 0 ? "Nothing is counted yet." : topics.length === 1 ? "1 topic is counted." : `${topics.length} topics are counted.`]);
    this.list.hidden = topics.length === 0;
    const columns = ["Topic", "Any of these words", "Mentions now, by feed", "Counted since"];
    patch(this.list, [topics, zone, topics.map((t) => this.saying(t))], () => [
      h(
        "table",
        { class: "cards", role: "table" },
        h("caption", { class: "sr" }, "Topics that are counted"),
        h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...columns.map((c) => h("th", { scope: "col", role: "columnheader" }, c)))),
        h(
          "tbody",
          { role: "rowgroup" },
          ...topics.map((t) => {
            const cell = (i: number, ...c: (Node | string | false | null)[]) => h("td", { role: "cell", "data-label": columns[i]! }, ...c);
            return h(
              "tr",
              { role: "row" },
              h("th", { scope: "row", role: "rowheader" }, h("a", { href: `/topics/${t.slug}` }, t.name), t.simulated && " ", t.simulated && simulatedChip()),
              cell(1, (t.any ?? []).join(", "), (t.and ?? []).length > 0 && ` and ${(t.and ?? []).join(" or ")}`, (t.not ?? []).length > 0 && ` without ${(t.not ?? []).join(", ")}`),
              cell(2, this.saying(t)),
              cell(3, timeElement(instant(t.since), now, zone), t.revision > 1 && ` (revision ${t.revision})`),
            );
          }),
        ),
      ),
    ]);
  }

  // saying is what each feed counts a minute, mean of the last five; feeds are never added up.
  private saying(t: Topic): string {
    const m = this.said.get(t.slug);
    if (!m) return "–";
    const parts = (m.sources ?? []).map((s) => `${feedName(s.source)} ${amount(s.recent.organic)}${s.step_seconds >= 3600 ? " an hour" : ""}`);
    return parts.length === 0 ? "not counted yet" : parts.join(" · ");
  }
}

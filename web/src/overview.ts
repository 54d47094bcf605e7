import { get } from "./api";
import { demotedSites } from "./demoted";
import type { SiteRow, State, Worklist } from "./documents";
import { h, patch } from "./element";
import { Marks } from "./marks";
import { grouped, money, rate, shortLeft, shownPercent } from "./number";
import { dated } from "./paper";
import { type Page, type Shell, setQuery } from "./shell";
import { badge, look, simulatedChip } from "./state";
import { actBy, instant, timeElement, withTimes } from "./zone";

// Overview is the worklist: who needs someone first, and by when. Its order is the server's. While a
// pointer or the focus is in the list the order stays as it is, else one clicks on the wrong site.

const foldFrom = 5; // more calm sites than this are folded away when someone else needs attention

interface Row {
  element: HTMLTableRowElement;
  cells: HTMLElement[];
  todo: HTMLElement;
  marks: Marks;
}

// wall is the list for a screen across the room: twice the type, nothing to press.
const wall = new URLSearchParams(location.search).get("view") === "wall";

const columns = ["State", "Site", "What to do", "Act by", "Chance, next 6 h", "At stake", "Next 24 h"] as const;
type Sort = "state" | "site" | "act" | "chance" | "stake";
const sortOf: (Sort | null)[] = ["state", "site", null, "act", "chance", "stake", null];

export class Overview implements Page {
  readonly stream = "";
  private doc: Worklist | null = null;
  private held: string[] = []; // the order on the page
  private readonly rows = new Map<string, Row>();
  private readonly lead = h("p", { class: "lead" });
  private readonly demoted = h("ul", { class: "demoted", hidden: true });
  private readonly counts = h("ul", { class: "counts", "aria-label": "Sites by state" });
  private readonly caption = h("caption", { class: "sr" });
  private readonly body = h("tbody", { role: "rowgroup" });
  private readonly calmBody = h("tbody", { role: "rowgroup" });
  private readonly calmSummary = h("summary");
  private readonly calm: HTMLElement;
  private readonly list: HTMLElement;
  private readonly changed: HTMLElement;
  private readonly marked = h("p", { class: "marked" });
  private readonly first = h("div", { class: "card first", hidden: true });
  private readonly heads: HTMLElement[] = [];
  private readonly before = new Map<string, State>();

  constructor(private readonly shell: Shell) {
    dated(shell);
    const table = (caption: Node, body: HTMLElement, sortable: boolean) =>
      h(
        "table",
        { class: "worklist", role: "table" },
        caption,
        h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...columns.map((c, i) => this.head(c, sortable ? sortOf[i]! : null)))),
        body,
      );
    this.changed = h(
      "p",
      { class: "changed off" },
      "Order changed. ",
      h("button", { type: "button", click: () => this.arrange(true) }, "Update"),
    );
    this.calm = h("details", { class: "calmfold", hidden: true }, this.calmSummary, table(h("caption", { class: "sr" }, "Calm sites"), this.calmBody, false));
    this.list = h("div", { class: "card list", hidden: true }, table(this.caption, this.body, true), this.calm);
    document.documentElement.classList.toggle("wall", wall);
    const ask = h("a", { class: "button", href: "/check" }, "Check a topic…");
    const view = h("p", { class: "links views" }, h("a", { href: "/?view=wall" }, "Wall view"));
    shell.main.append(
      h("div", { class: "leadrow" }, h("div", {}, h("h1", {}, "Who needs someone first"), this.lead), !wall && ask),
      h("div", { class: "countrow" }, this.counts, this.marked, this.changed),
      this.demoted,
      this.first,
      this.list,
      wall ? "" : view,
    );
  }

  async load(): Promise<void> {
    const doc = await get<Worklist>("/v1/sites?sort=risk&limit=500");
    if (this.shell.paused) return; // asked for before the pause
    this.doc = doc;
    const items = doc.items ?? [];
    const issued = items.map((s) => instant(s.status?.issued_at)).filter(Number.isFinite);
    this.shell.show({
      simulated: items.some((s) => s.simulated),
      title: "Overview · Surgecast",
      updatedAt: issued.length > 0 ? Math.max(...issued) : instant(doc.now),
      now: instant(doc.now),
      zones: [...new Set(items.map((s) => s.time_zone))].slice(0, 12),
    });
    this.announce(items);
    this.fill();
    this.arrange(this.held.length === 0 || wall); // nobody points at a wall
  }

  rezone(): void {
    this.fill();
  }

  tick(): void {
    if (!this.doc) return;
    for (const s of this.doc.items ?? []) {
      const row = this.rows.get(s.slug);
      if (row) this.decide(row.cells[3]!, s);
    }
  }

  private head(words: string, sort: Sort | null): HTMLElement {
    const th = h("th", { scope: "col", role: "columnheader" });
    if (!sort) {
      th.append(words);
      return th;
    }
    th.append(
      h("button", {
        type: "button",
        class: "sort",
        click: () => {
          const now = this.sort === sort ? "state" : sort;
          setQuery("sort", now === "state" ? null : now);
          this.arrange(true);
        },
      }, words),
    ); // prettier-ignore
    th.dataset["sort"] = sort;
    this.heads.push(th);
    return th;
  }

  private get sort(): Sort {
    const s = new URLSearchParams(location.search).get("sort") as Sort | null;
    return s && sortOf.includes(s) ? s : "state";
  }

  // order is the server's, unless the reader asked for another; the sort is stable, so ties stay the
  // server's too.
  private order(): string[] {
    const items = [...(this.doc?.items ?? [])];
    const last = Number.POSITIVE_INFINITY;
    const key: Record<Sort, ((s: SiteRow) => number) | null> = {
      state: null,
      site: null,
      act: (s) => (s.status?.act_by ? instant(s.status.act_by) : last),
      chance: (s) => -(s.status?.probability_6h ?? -1),
      stake: (s) => -(s.status?.at_stake ?? -1),
    };
    const by = key[this.sort];
    if (by) items.sort((a, b) => by(a) - by(b) || 0);
    if (this.sort === "site") items.sort((a, b) => a.name.localeCompare(b.name));
    return items.map((s) => s.slug);
  }

  private arrange(now: boolean): void {
    if (!this.doc) return;
    const order = this.order();
    const same = order.length === this.held.length && order.every((s, i) => s === this.held[i]);
    const busy = this.list.matches(":hover") || this.list.contains(document.activeElement);
    for (const th of this.heads) {
      const own = th.dataset["sort"] === this.sort;
      const falling = this.sort === "chance" || this.sort === "stake";
      // The server's order has a rule of its own, which is no column's.
      th.setAttribute("aria-sort", !own ? "none" : this.sort === "state" ? "other" : falling ? "descending" : "ascending");
    }
    if (!now && !same && busy) {
      this.changed.classList.remove("off"); // its room is kept free, so that showing it moves no row either
      return;
    }
    this.changed.classList.add("off");
    if (!same || now) {
      const focused = document.activeElement as HTMLElement | null;
      this.held = order;
      this.place();
      if (focused && focused !== document.activeElement && focused.isConnected) focused.focus();
    }
  }

  private place(): void {
    const items = new Map((this.doc?.items ?? []).map((s) => [s.slug, s]));
    const isCalm = (slug: string) => (items.get(slug)?.status?.state ?? "cannot_tell") === "calm";
    const calm = this.held.filter(isCalm);
    const fold = calm.length > foldFrom && calm.length < this.held.length && this.sort === "state";
    const only = this.only;
    const stands = (slug: string) => !only || marked(items.get(slug));
    const rows = (slugs: string[]) => slugs.filter(stands).map((s) => this.rows.get(s)?.element).filter((e): e is HTMLTableRowElement => !!e);
    this.body.replaceChildren(...rows(fold ? this.held.filter((s) => !isCalm(s)) : this.held));
    this.calmBody.replaceChildren(...rows(fold ? calm : []));
    this.calm.hidden = !fold;
    patch(this.calmSummary, [fold, calm.length], () => [`${calm.length} calm sites`]);
  }

  private fill(): void {
    const items = this.doc?.items ?? [];
    const zone = this.shell.zone;
    const now = this.shell.clock.now();
    this.first.hidden = items.length > 0;
    this.list.hidden = items.length === 0;
    patch(this.first, items.length, () => [
      h("p", {}, "Nothing is watched yet."),
      h("p", {}, h("a", { href: "/setup?tab=sites" }, h("b", {}, "Watch my site")), " (2 minutes), here or with ", h("code", {}, "forecaster site add"), "."),
      h("p", {}, h("b", {}, "Play a simulated surge"), " (half a minute): ", h("code", {}, "forecaster demo"), "."),
    ]);

    const tally = (...states: State[]) => items.filter((s) => states.includes(s.status?.state ?? "cannot_tell")).length;
    const calm = tally("calm", "learning");
    // Before the first forecast nobody is needed: it comes by itself once there is traffic.
    const waiting = items.length > 0 && items.every((s) => (s.status?.state ?? "cannot_tell") === "cannot_tell" && !s.status?.issued_at);
    const need = items.length - calm;
    const next = items
      .filter((s) => s.status?.act_by && s.status.state !== "calm" && s.status.state !== "recovery")
      .sort((a, b) => instant(a.status!.act_by!) - instant(b.status!.act_by!))[0];
    const needWords = waiting
      ? items.every((s) => s.simulated)
        ? "The simulated past is being learnt. The first forecast comes within a minute"
        : "No forecast yet. The first comes within a minute of a site's first traffic"
      : `${need === 0 ? "No site needs" : need === 1 ? "1 site needs" : `${need} sites need`} someone`;
    const nextAt = next ? actBy({ act_by: next.status!.act_by, now: this.doc!.now }) : Number.NaN;
    const past = nextAt <= now;
    patch(this.lead, [needWords, next?.slug, next?.status?.act_by, next?.status?.state, past, zone, items.length], () =>
      items.length === 0
        ? []
        : next
          ? past
            ? [`${needWords}. Decide now: ${next.name}`, ...(next.status!.state === "over_capacity" ? ["."] : [", ", timeElement(nextAt, now, zone), " has passed."])]
            : [`${needWords}. Next decision: ${next.name}, by `, timeElement(nextAt, now, zone), "."]
          : [`${needWords}.`],
    );
    patch(this.caption, [needWords, calm], () => [`${needWords}, ${calm} calm`]);
    const states: [State[], string][] = [
      [["over_capacity"], "over capacity"],
      [["alert"], "alert"],
      [["failing"], "failing"],
      [["cannot_tell"], "unknown"],
      [["watch"], "watch"],
      [["recovery"], "recovery"],
      [["learning"], "learning"],
      [["calm"], "calm"],
    ];
    const shown = states.map(([s, w]) => [s[0]!, w, tally(...s)] as const).filter(([s, , n]) => n > 0 || s === "alert");
    patch(this.counts, items.length === 0 ? [] : shown, () =>
      items.length === 0
        ? []
        : shown.map(([s, w, n]) =>
            h("li", { class: n > 0 ? look(s).tone : null }, h("span", { class: "shape", "aria-hidden": "true" }, look(s).shape), ` ${n} ${w}`),
          ),
    );

    this.markedLine(items);
    this.demoted.hidden = !items.some((s) => s.mode_why);
    patch(this.demoted, items.map((s) => s.mode_why && [s.slug, s.mode_why]), () => demotedSites(items));

    const known = new Set(items.map((s) => s.slug));
    for (const [slug, row] of this.rows) {
      if (known.has(slug)) continue;
      row.element.remove();
      this.rows.delete(slug);
    }
    for (const s of items) {
      let row = this.rows.get(s.slug);
      if (!row) {
        const cells = columns.map((c, i) =>
          i === 1
            ? h("th", { scope: "row", role: "rowheader", class: "site" })
            : h("td", { role: "cell", class: ["state", "", "todo", "act", "chance", "stake", "spark"][i]!, "data-label": c }),
        );
        const todo = h("div", {});
        const marks = new Marks(() => this.shell.request());
        cells[2]!.append(todo, marks.element);
        row = { cells, todo, marks, element: h<HTMLTableRowElement>("tr", { role: "row" }, ...cells) };
        this.rows.set(s.slug, row);
      }
      this.row(row, s, zone);
    }
  }

  private row(row: Row, s: SiteRow, zone: string): void {
    const state = s.status?.state ?? "cannot_tell";
    const v = s.status?.verdict ?? null;
    row.element.className = look(state).tone;
    const [stateCell, site, , act, chance, stake, spark] = row.cells as [HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement];
    patch(stateCell, state, () => [badge(state)]);
    patch(site, [s.slug, s.name, s.simulated, zone], () => [
      h("a", { href: `/sites/${s.slug}${zone === s.time_zone ? "" : location.search}` }, s.name),
      s.simulated && simulatedChip(),
    ]);
    patch(row.todo, v?.overview ?? "", () => withTimes(v?.overview || "–"));
    this.mark(row, s, zone);
    this.decide(act, s);
    patch(chance, this.chanceOf(s), () => {
      const c = this.chanceOf(s);
      if (!c) return [h("span", { class: "none" }, "–")];
      return [h("span", { class: "percent" }, c.text), c.value >= 5 && dots(c.value)];
    });
    const at = s.status?.at_stake ?? 0;
    const currency = s.status?.currency ?? s.capacity?.currency ?? "";
    patch(stake, [at, currency], () => [at > 0 ? money(at, currency, 3) : h("span", { class: "none" }, "–")]);
    patch(spark, [s.status?.spark_rpm, s.capacity?.capacity_rpm], () => sparkline(s));
  }

  // mark shows who has a surge and whether it is silent, where there is one that someone may take.
  private mark(row: Row, s: SiteRow, zone: string): void {
    const st = s.status;
    const calm = st?.state === "calm" || st?.state === "recovery";
    row.marks.show(
      !st?.surge_id || wall || (calm && !marked(s))
        ? null
        : { surge: st.surge_id, name: s.name, takenBy: st.taken_by ?? "", takenNote: st.taken_note ?? "", mutedUntil: st.muted_until ?? null, actBy: st.act_by, now: this.shell.clock.now(), zone },
    );
    // On the wall there is nothing to press, but who has it is said.
    if (wall) patch(row.marks.element, [st?.taken_by, st?.muted_until], () => [st?.taken_by ? `Taken by ${st.taken_by}` : null]);
    row.marks.element.hidden = wall ? !st?.taken_by : row.marks.element.hidden;
  }

  private get only(): boolean {
    return new URLSearchParams(location.search).get("only") === "marked";
  }

  // markedLine counts what people have said: muted must not be forgotten.
  private markedLine(items: SiteRow[]): void {
    const takers = new Map<string, number>();
    for (const s of items) if (s.status?.taken_by) takers.set(s.status.taken_by, (takers.get(s.status.taken_by) ?? 0) + 1);
    const muted = items.filter((s) => s.status?.muted_until).length;
    const parts = [...[...takers].map(([who, n]) => `${n} taken by ${who}`), ...(muted > 0 ? [`${muted} muted`] : [])];
    this.marked.hidden = parts.length === 0 && !this.only;
    patch(this.marked, [parts, this.only], () => [
      parts.join(" · "),
      !wall &&
        h("button", {
          type: "button",
          class: "small",
          click: () => {
            setQuery("only", this.only ? null : "marked");
            this.markedLine(this.doc?.items ?? []);
            this.arrange(true);
            this.marked.querySelector("button")?.focus();
          },
        }, this.only ? "Show all" : "Show"),
    ]); // prettier-ignore
  }

  // The chance of one window for all. Where the verdict speaks of that window too, its own words are
  // shown, so that list and page say the same.
  private chanceOf(s: SiteRow): { text: string; value: number } | null {
    const p = s.status?.probability_6h;
    if (p === null || p === undefined) return null;
    const v = s.status?.verdict;
    if (v && v.horizon_minutes === 360 && v.shown_percent) return { text: v.shown_percent, value: v.shown_value ?? 0 };
    return shownPercent(p);
  }

  private decide(cell: HTMLElement, s: SiteRow): void {
    const at = actBy({ act_by: s.status?.act_by ?? null, now: this.doc?.now ?? "", state: s.status?.state });
    const now = this.shell.clock.now();
    const zone = this.shell.zone;
    if (!Number.isFinite(at)) {
      patch(cell, "", () => [h("span", { class: "none" }, "–")]);
      return;
    }
    const left = at - now;
    const words = !this.shell.ticking || s.status?.stale || left > 4 * 3_600_000 ? "" : left <= 0 ? "past" : shortLeft(left);
    patch(cell, [at, zone, words], () =>
      words === "past" ? [h("strong", {}, "now"), h("span", { class: "left" }, "was ", timeElement(at, now, zone))] : [timeElement(at, now, zone), words !== "" && h("span", { class: "left" }, words)],
    );
  }

  private announce(items: SiteRow[]): void {
    for (const s of items) {
      const state = s.status?.state ?? "cannot_tell";
      const was = this.before.get(s.slug);
      this.before.set(s.slug, state);
      if (was === undefined || was === state) continue;
      const words = `${s.name}: ${look(state).word}. ${s.status?.verdict?.headline ?? ""}`;
      if (state === "alert") this.shell.cry(words);
      else this.shell.say(words);
    }
  }
}

function marked(s: SiteRow | undefined): boolean {
  return !!s?.status?.taken_by || !!s?.status?.muted_until;
}

// dots are 20 cases, filled by the shown chance: 60 % is 12 filled and 8 hollow.
export function dots(percent: number): Element {
  const n = Math.round(percent / 5);
  const svg = h<SVGElement>("svg", { class: "dotrow", viewBox: "0 0 160 8", width: 160, height: 8, "aria-hidden": "true" });
  for (let i = 0; i < 20; i++) svg.append(h<SVGElement>("circle", { cx: i * 8 + 4, cy: 4, r: 2.75, class: i < n ? "dot over" : "dot" }));
  return svg;
}

function sparkline(s: SiteRow): (Node | string)[] {
  const xs = s.status?.spark_rpm ?? [];
  const seen = xs.filter((x): x is number => x !== null);
  if (seen.length === 0) return [h("span", { class: "none" }, "–")];
  const capacity = s.capacity?.capacity_rpm ?? 0;
  const highest = Math.max(...seen);
  const top = Math.max(1.1 * highest, capacity > 0 && capacity < 2.5 * highest ? 1.15 * capacity : 0, 1);
  const [w, tall] = [96, 28];
  const y = (v: number) => tall - 1 - (v / top) * (tall - 2);
  let d = "";
  let pen = false;
  xs.forEach((v, i) => {
    if (v === null) pen = false;
    else {
      d += `${pen ? "L" : "M"}${((i + 0.5) / xs.length) * w} ${y(v).toFixed(1)}`;
      pen = true;
    }
  });
  const svg = h<SVGElement>(
    "svg",
    { viewBox: `0 0 ${w} ${tall}`, width: w, height: tall, "aria-hidden": "true" },
    capacity > 0 && capacity <= top && h("line", { x1: 0, x2: w, y1: y(capacity), y2: y(capacity), class: "capacityline" }),
    h("path", { d, class: "sparkpath" }),
  );
  return [svg, h("span", { class: "sr" }, `highest expected ${rate(highest)} requests a minute${capacity > 0 ? `, capacity ${grouped(capacity)}` : ""}`)];
}

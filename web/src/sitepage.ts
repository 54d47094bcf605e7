import { get, Problem } from "./api";
import { FanChart } from "./chart";
import type { CapacityAnswer, Driver, Forecast, Risk, Site, State, Surge } from "./documents";
import { filled, timeDots } from "./dots";
import { h, patch } from "./element";
import { capacityAt, type Fan, fan, nearest, scale } from "./fan";
import { grouped, minutesLeft, money, range, rate, shownPercent } from "./number";
import { type Page, type Shell, setQuery } from "./shell";
import { badge, look, simulatedChip } from "./state";
import { clock, timeElement, when, withTimes } from "./zone";

const minute = 60_000;

// A window looks as far ahead as its name; now stands at 45 % of the width.
const windows = { "1h": 60, "6h": 360, "24h": 1440 } as const;
type Window = keyof typeof windows;
const back = (w: Window) => Math.ceil((windows[w] * 0.45) / 0.55);

// SitePage: one site, one verdict, and why. Every sentence is the API's, letter by letter.
export class SitePage implements Page {
  readonly stream: string;
  private risk: Risk | null = null;
  private forecast: Forecast | null = null;
  private capacity: CapacityAnswer | null = null;
  private site: Site | null = null;
  private surge: Surge | null = null;
  private fan: Fan | null = null;
  private window: Window | null = null;
  private cursorAt: number | null = null; // null: follows now
  private before: State | null = null;
  private warned = new Set<number>(); // minutes before act-by already spoken

  private readonly name = h("h1", {});
  private readonly chips = h("div", { class: "chips" });
  private readonly card = h("section", { class: "card verdict", "aria-labelledby": "headline" });
  private readonly headline = h("h2", { id: "headline" });
  private readonly countdown = h("p", { class: "countdown" });
  private readonly sentence = h("p", { class: "sentence", id: "sentence" });
  private readonly caveats = h("ul", { class: "caveats" });
  private readonly ended = h("p", { class: "ended", hidden: true });
  private readonly why = h("div", { class: "why" });
  private readonly choice = h("div", { class: "choice", role: "group", "aria-label": "Hours shown" });
  private readonly chart = new FanChart((at) => this.moveCursor(at, false));
  private readonly slider = h<HTMLInputElement>("input", { type: "range", id: "cursor", min: 0, step: 1, "aria-label": "Minute shown" });
  private readonly readout = h("p", { class: "readout", "aria-hidden": "true" });
  private readonly legend = h("ul", { class: "legend" });
  private readonly bandNote = h("p", { class: "note" });
  private readonly captionSentence = h("p", { class: "sr" });
  private readonly table = h<HTMLDetailsElement>("details", { class: "twin" });
  private readonly tableBody = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of the chart" });
  private readonly times = h("section", { class: "card times", "aria-labelledby": "times-h", hidden: true });
  private readonly drivers = h("section", { class: "card", "aria-labelledby": "drivers-h" });
  private readonly advice = h("section", { class: "card", "aria-labelledby": "advice-h" });
  private readonly surgeCard = h("section", { class: "card surge", "aria-labelledby": "surge-h" });
  private readonly engineers = h<HTMLDetailsElement>("details", { class: "card engineers" });
  private readonly engineersBody = h("div", {});
  private readonly pinned = h("div", { class: "pinned", hidden: true });
  private readonly parts: HTMLElement;

  constructor(
    private readonly shell: Shell,
    private readonly slug: string,
  ) {
    this.stream = `?site=${encodeURIComponent(slug)}`;
    const q = new URLSearchParams(location.search);
    const range = q.get("range");
    if (range && range in windows) this.window = range as Window;
    const at = Date.parse(q.get("at") ?? "");
    if (Number.isFinite(at)) this.cursorAt = at;

    for (const w of Object.keys(windows) as Window[]) {
      this.choice.append(h("button", { type: "button", "data-window": w, click: () => this.choose(w) }, w.replace("h", " h")));
    }
    this.slider.addEventListener("input", () => this.moveCursor(this.from() + Number(this.slider.value) * minute, true));
    this.slider.addEventListener("keydown", (e) => this.key(e));
    this.table.append(h("summary", {}, "Table"), this.tableBody);
    this.table.addEventListener("toggle", () => this.twin());
    this.engineers.append(h("summary", {}, h("h2", {}, "For engineers")), this.engineersBody);
    this.engineers.open = remembered();
    this.engineers.addEventListener("toggle", () => remember(this.engineers.open));

    this.card.append(h("div", { class: "top" }, this.headline, this.countdown), this.sentence, this.caveats, this.ended, this.why);
    const figure = h(
      "figure",
      { class: "card fan", "aria-labelledby": "caption" },
      h("div", { class: "figurehead" }, h("h2", {}, "Requests a minute"), this.choice),
      this.chart.element,
      h("div", { class: "sliderrow" }, this.slider, this.readout),
      this.legend,
      h("figcaption", { id: "caption" }, this.captionSentence, this.bandNote),
      this.table,
    );
    this.parts = h("div", { class: "parts", hidden: true }, this.card, figure, this.times, h("div", { class: "pair" }, this.drivers, this.advice), this.surgeCard, this.engineers, this.pinned);
    shell.main.append(
      h(
        "div",
        { class: "sitehead" },
        h("a", { href: "/", class: "backlink" }, "‹ Overview"),
        this.name,
        this.chips,
        h("button", { type: "button", class: "quiet print", click: () => print() }, "Print"),
      ),
      this.parts,
    );
    addEventListener("beforeprint", () => this.paper(true));
    addEventListener("afterprint", () => this.paper(false));
  }

  async load(): Promise<void> {
    const base = `/v1/sites/${encodeURIComponent(this.slug)}`;
    try {
      const [risk, site] = await Promise.all([get<Risk>(`${base}/risk`), this.site ?? get<Site>(base)]);
      const w = (this.window ??= suggested(risk));
      const [forecast, capacity, surge] = await Promise.all([
        get<Forecast>(`${base}/forecast?horizon=${windows[w]}&history=${back(w) + 1}`),
        get<CapacityAnswer>(`${base}/capacity`),
        risk.surge ? get<Surge>(`/v1/surges/${encodeURIComponent(risk.surge.id)}`) : null,
      ]);
      if (this.shell.paused && this.risk) return; // asked for before the pause
      Object.assign(this, { risk, site, forecast, capacity, surge });
    } catch (e) {
      if (e instanceof Problem && e.status === 404) this.name.textContent = `No site called ${this.slug} here`;
      throw e;
    }
    this.render();
  }

  rezone(): void {
    if (this.risk) this.render();
  }

  private now(): number {
    return Date.parse(this.forecast?.now ?? this.risk?.now ?? "");
  }

  private from(): number {
    return this.now() - back(this.window ?? "1h") * minute;
  }

  private to(): number {
    return this.now() + windows[this.window ?? "1h"] * minute;
  }

  // stale forecasts lose their colour; so do ones whose time has passed while the page could not ask.
  private stale(): boolean {
    const r = this.risk;
    return !r || r.stale || this.over();
  }

  private over(): boolean {
    const until = Date.parse(this.risk?.valid_until ?? "");
    return this.shell.ticking && this.shell.clock.now() > until;
  }

  private render(): void {
    const { risk, forecast, capacity, site } = this;
    if (!risk || !forecast || !capacity || !site) return;
    const zone = this.zone();
    const v = risk.verdict;
    const simulated = risk.simulated || site.simulated || v.simulated;
    const state = risk.state;
    this.shell.show({
      simulated,
      title: `${look(state).word}: ${risk.name} · Surgecast`,
      updatedAt: Date.parse(risk.issued_at),
      now: Date.parse(risk.now),
      zones: [site.time_zone],
    });
    this.parts.hidden = false;
    const now = Date.parse(risk.now);
    patch(this.name, risk.name, () => [risk.name]);
    const since = Date.parse((state === "alert" ? risk.surge?.alert_at : null) ?? risk.surge?.opened_at ?? "");
    patch(this.chips, [state, since, zone, simulated], () => [
      badge(state),
      Number.isFinite(since) && h("span", { class: "since" }, "since ", timeElement(since, now, zone)),
      simulated && simulatedChip(),
    ]);
    this.card.className = `card verdict ${look(state).tone}${risk.stale ? " stale" : ""}`;
    patch(this.headline, [v.headline, simulated], () => [...withTimes(v.headline)]);
    patch(this.sentence, v.sentence, () => withTimes(v.sentence));
    // A caveat that already stands in the sentence is not said twice.
    const caveats = (v.caveats ?? []).filter((c) => !v.sentence.includes(c));
    patch(this.caveats, [caveats, zone === site.time_zone], () => [
      ...caveats.map((c) => h("li", {}, ...withTimes(c))),
      zone !== site.time_zone && h("li", {}, `Times in these sentences are in ${site.time_zone.replaceAll("_", " ")}.`),
    ]);
    this.reasons(risk, capacity, site);
    this.figure(risk, forecast, capacity, zone);
    this.when(risk, zone);
    this.driven(risk);
    this.recommend(capacity, site, zone);
    this.story(zone);
    this.detail(risk, forecast, capacity, zone);
    this.announce(risk);
    this.tick();
  }

  private zone(): string {
    return this.shell.zone;
  }

  tick(): void {
    const r = this.risk;
    if (!r) return;
    const zone = this.zone();
    const now = this.shell.clock.now();
    const at = Date.parse(r.act_by ?? "");
    const left = at - now;
    // A countdown that may be wrong is worse than none: then the clock time stands alone.
    const counting = this.shell.ticking && !r.stale && left < 24 * 60 * minute;
    const words = !Number.isFinite(at) ? "" : !counting ? "time" : left > 0 ? `${minutesLeft(left)} left` : "past";
    const shown = this.sooner(words);
    patch(this.countdown, [shown, at, zone], () =>
      shown === "" ? [] : shown === "time" ? ["act by ", timeElement(at, now, zone)] : [shown],
    );
    patch(this.pinned, [shown, at, zone], () =>
      shown === "" ? [] : ["act by ", timeElement(at, now, zone), shown === "time" ? "" : ` · ${shown}`],
    );
    this.pinned.hidden = shown === "";
    const over = this.over();
    const until = Date.parse(r.valid_until);
    this.ended.hidden = !over || r.stale || r.state === "cannot_tell";
    patch(this.ended, [over, until, zone], () => ["These numbers ended at ", timeElement(until, now, zone), " and no longer count."]);
    if (over !== this.wasOver) {
      this.wasOver = over;
      if (this.forecast && this.capacity) this.figure(r, this.forecast, this.capacity, zone);
    }
    if (this.shell.ticking && Number.isFinite(at)) {
      for (const m of [15, 5, 0]) {
        if (left > m * minute || this.warned.has(m)) continue;
        this.warned.add(m);
        if (left > (m - 2) * minute) this.shell.say(m === 0 ? "The act-by time is now." : `${m} minutes left to act.`);
      }
    }
  }

  private wasOver = false;

  private sooner(words: string): string {
    return words === "past" ? "" : words; // the headline says what being past means
  }

  private announce(risk: Risk): void {
    const was = this.before;
    this.before = risk.state;
    if (was === null || was === risk.state) return;
    this.warned.clear();
    const words = `${look(risk.state).word}. ${risk.verdict.headline}`;
    if (risk.state === "alert") this.shell.cry(words);
    else this.shell.say(words);
  }

  private reasons(risk: Risk, capacity: CapacityAnswer, site: Site): void {
    const r = capacity.recommendation;
    const currency = site.capacity.currency;
    const threshold = site.capacity.alert_probability || 0.2;
    const cost = (n: number) => `about ${money(n, currency, 2)}`;
    const alert = risk.state === "alert";
    const costs = r && r.cost_acting > 0 && r.cost_waiting > 0 ? [r.cost_acting, r.cost_waiting] : null;
    patch(this.why, [alert, costs, threshold, risk.time_to_breach, risk.origin, this.zone()], () => [
      alert &&
        h(
          "details",
          {},
          h("summary", {}, "Why alert?"),
          h(
            "p",
            {},
            "Alert does not mean it will happen. It means acting costs less than waiting",
            costs ? `: ${cost(costs[0]!)} against ${cost(costs[1]!)}` : "",
            `. Your threshold: ${shownPercent(threshold).text}.`,
          ),
        ),
      h(
        "details",
        {},
        h("summary", {}, "How sure?"),
        h("p", {}, "Act-by is the last moment that still helps if the overload comes at its early end: 2 in 20 come sooner."),
        this.breaches(risk),
      ),
    ]);
  }

  private breaches(risk: Risk): HTMLElement | null {
    const rows = (risk.time_to_breach ?? []).filter((t) => t.minutes !== null);
    if (rows.length === 0) return null;
    const origin = Date.parse(risk.origin);
    const zone = this.zone();
    return h(
      "ul",
      {},
      ...rows.map((t) =>
        h("li", {}, `${Math.round(20 * t.probability)} in 20 are over capacity by `, timeElement(origin + t.minutes! * minute, Date.parse(risk.now), zone), "."),
      ),
    );
  }

  private figure(risk: Risk, doc: Forecast, capacity: CapacityAnswer, zone: string): void {
    const f = fan(doc);
    this.fan = f;
    const w = this.window ?? "1h";
    for (const b of this.choice.children) b.setAttribute("aria-pressed", String(b.getAttribute("data-window") === w));
    const c = capacityAt(doc, this.now());
    const v = risk.verdict;
    const until = Date.parse(risk.origin) + v.horizon_minutes * minute;
    const peaks = risk.peak_dots_rpm ?? [];
    const showDots = c !== null && peaks.length > 0 && v.shown_value >= 5;
    const rec = capacity.recommendation;
    const perUnit = capacity.rpm_per_unit;
    const wanted = rec && rec.would_be_units !== capacity.units_now && perUnit > 0;
    const plan = (rec?.plan ?? []).map((s) => ({ at: Date.parse(s.at), rpm: s.units * perUnit }));
    this.chart.show({
      doc,
      fan: f,
      scale: scale(f, c),
      zone,
      now: this.now(),
      from: this.from(),
      to: this.to(),
      actBy: risk.act_by ? Date.parse(risk.act_by) : null,
      stale: this.stale(),
      units: risk.units,
      recommended: wanted ? (plan.length > 0 ? plan : [{ at: this.now(), rpm: rec.would_be_units * perUnit }]) : [],
      peaks: showDots ? { levels: peaks, shown: v.shown_value, until } : null,
    });
    const sustain = this.site?.capacity.sustain_minutes ?? 3;
    patch(this.captionSentence, v.sentence, () => withTimes(v.sentence));
    patch(this.bandNote, [c !== null, until, sustain, zone, v.horizon_minutes > 0], () => [
      "Each minute by itself: half of all minutes end in the darkest band, 4 of 5 in the middle one, 19 of 20 in the widest.",
      ...(c !== null && v.horizon_minutes > 0
        ? [` The chance above is for any ${sustain} minutes in a row over capacity until `, timeElement(until, this.now(), zone), ", so it is higher than the bands suggest."]
        : []),
    ]);
    const saturated = f.saturated.some(Boolean);
    const gaps = (doc.gaps ?? []).length > 0;
    const entries: [string, string][] = [["observed", "observed"]];
    if ((doc.points ?? []).length > 0) {
      entries.push(["median", "middle"], ["band50", "half"], ["band80", "4 of 5"], ["band95", "19 of 20"]);
    }
    if (c !== null) entries.push(["capacity", "capacity"]);
    if (wanted) entries.push(["recommended", "capacity if followed"]);
    if (risk.act_by) entries.push(["actby", "act by"]);
    if (showDots) entries.push(["over", "over capacity"], ["under", "not over"]);
    if (gaps) entries.push(["gap", "no data"]);
    patch(this.legend, [entries, saturated], () => [
      ...entries.map(([key, words]) => h("li", {}, swatch(key), words)),
      saturated && h("li", {}, "While the site was full, more may have wanted in than were counted."),
    ]);
    this.slider.max = String(Math.round((this.to() - this.from()) / minute));
    this.follow();
    this.twin();
  }

  private choose(w: Window): void {
    this.window = w;
    setQuery("range", w);
    for (const b of this.choice.children) b.setAttribute("aria-pressed", String(b.getAttribute("data-window") === w));
    if (this.shell.paused) {
      // The paused page shows another window of the same moment: it must not bring news.
      if (this.forecast && this.risk && this.capacity) this.figure(this.risk, this.forecast, this.capacity, this.zone());
      return;
    }
    this.shell.request();
  }

  // The cursor is an instant, so it stays where it is while the window moves on.
  private moveCursor(at: number, keep: boolean): void {
    this.cursorAt = Math.round(at / minute) * minute;
    if (keep) setQuery("at", new Date(this.cursorAt).toISOString().replace(":00.000Z", "Z"));
    this.follow();
  }

  private follow(): void {
    const at = Math.min(this.to(), Math.max(this.from(), this.cursorAt ?? this.now()));
    this.slider.value = String(Math.round((at - this.from()) / minute));
    const words = this.words(at);
    this.slider.setAttribute("aria-valuetext", words);
    patch(this.readout, words, () => withTimes(words));
    this.chart.setCursor(at);
  }

  private key(e: KeyboardEvent): void {
    const by = { PageUp: 10, PageDown: -10 }[e.key];
    if (by === undefined) return;
    e.preventDefault(); // a browser's page is a tenth of the slider, ours is ten minutes
    this.moveCursor(this.from() + (Number(this.slider.value) + by) * minute, true);
  }

  // words are what stands at one minute: "15:10 · half the time 1,050–1,700 · 19 in 20: 700–2,900 · capacity 1,200".
  private words(at: number): string {
    const { fan: f, forecast } = this;
    const zone = this.zone();
    const time = when(at, this.now(), zone);
    if (!f || !forecast || f.at.length === 0) return time;
    const i = nearest(f.at, at);
    const near = Math.abs(f.at[i]! - at) <= 5 * minute;
    const q = (b: number) => f.quantiles[b]?.[i] ?? null;
    const [q1, q25, q75, q9] = [q(0), q(2), q(4), q(6)];
    const observed = f.observed[i] ?? null;
    const parts = [time];
    const inGap = (forecast.gaps ?? []).some((g) => Date.parse(g.from) <= at && at < Date.parse(g.to));
    if (near && !inGap && observed !== null) parts.push(`${rate(observed)}${f.saturated[i] ? " or more" : ""} observed`);
    else if (near && q25 !== null && q75 !== null) {
      parts.push(`half the time ${range(q25, q75)}`);
      if (q1 !== null && q9 !== null) parts.push(`19 in 20: ${range(q1, q9)}`);
    } else parts.push(at <= f.origin || inGap ? "no data" : "no forecast");
    const c = capacityAt(forecast, at);
    if (c !== null) parts.push(`capacity ${grouped(c)}`);
    return parts.join(" · ");
  }

  // twin is the chart as a table, built only when it is open; every 5 minutes beyond one hour.
  private twin(): void {
    const { fan: f, forecast } = this;
    if (!this.table.open || !f || !forecast) return;
    const zone = this.zone();
    const every = (this.window ?? "1h") === "1h" ? 1 : 5;
    const rows = f.at.map((t, i) => [t, i] as const).filter(([t]) => t >= this.from() && t <= this.to() && Math.round(t / minute) % every === 0);
    patch(this.tableBody, [forecast.forecast_id, rows.length, zone, this.from()], () => [
      h(
        "table",
        {},
        h("caption", {}, `Requests a minute at ${this.risk?.name ?? ""}`),
        h(
          "thead",
          {},
          h("tr", {}, ...["Time", "Observed", "19 of 20 from", "4 of 5 from", "Half from", "Middle", "Half to", "4 of 5 to", "19 of 20 to", "Capacity"].map((t) => h("th", { scope: "col" }, t))),
        ),
        h(
          "tbody",
          {},
          ...rows.map(([t, i]) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, timeElement(t, this.now(), zone)),
              h("td", {}, rate(f.observed[i]) + (f.saturated[i] ? " or more" : "")),
              ...f.quantiles.map((q) => h("td", {}, rate(q[i]))),
              h("td", {}, capacityAt(forecast, t) === null ? "–" : grouped(capacityAt(forecast, t)!)),
            ),
          ),
        ),
      ),
    ]);
  }

  // when: twenty dots on the time axis, first breaches; the rest in a box.
  private when(risk: Risk, zone: string): void {
    const v = risk.verdict;
    const minutes = risk.breach_dots_minutes ?? [];
    const c = risk.capacity_rpm;
    const show = minutes.length > 0 && c !== null && c > 0 && v.shown_value >= 5;
    this.times.hidden = !show;
    if (!show || c === null) return;
    patch(this.times, [minutes, c, risk.origin, risk.act_by, zone, v.shown_value, v.horizon_minutes], () => {
      const origin = Date.parse(risk.origin);
      const now = Date.parse(risk.now);
      const end = origin + v.horizon_minutes * minute;
      const finite = minutes.filter((m) => m !== null).length;
      const over = filled(finite, minutes.length, v.shown_value);
      const [w, pitch, foot] = [640, 12, 22];
      const x = (m: number) => (m / v.horizon_minutes) * w;
      const d = timeDots(minutes, over, x, w, pitch);
      const tall = Math.max(2, d.rows) * pitch;
      const actBy = risk.act_by ? Date.parse(risk.act_by) : null;
      const ax = actBy === null ? null : x((actBy - origin) / minute);
      const not = minutes.length - over;
      const ends = (px: number, words: string, anchor: string, cls = "tick") =>
        h<SVGElement>("text", { x: px, y: tall + 17, "text-anchor": anchor, class: cls }, words);
      return [
        h("h2", { id: "times-h" }, `When could it pass ${grouped(c)} a minute?`),
        h(
          "p",
          { class: "note" },
          `${minutes.length} equally likely cases: ${over} pass it by `,
          timeElement(end, now, zone),
          `, ${not} ${not === 1 ? "does" : "do"} not.`,
        ),
        h(
          "div",
          { class: "timedots", "aria-hidden": "true" },
          h(
            "svg",
            { viewBox: `0 0 ${w} ${tall + foot}`, class: "axis" },
            h("line", { x1: 0, x2: w, y1: tall + 1, y2: tall + 1, class: "axisline" }),
            ax !== null && ax >= 0 && ax <= w && h("line", { x1: ax, x2: ax, y1: 0, y2: tall, class: "actby" }),
            ...d.dots.map((dot) => h("circle", { cx: dot.x, cy: tall - (dot.y + 0.5) * pitch, r: 4.5, class: "dot over" })),
            ends(0, clock(origin, zone), "start"),
            ends(w, clock(end, zone), "end"),
            ax !== null && ax > 70 && ax < w - 70 && ends(ax, `▼ act by ${clock(actBy!, zone)}`, "middle", "actbylabel"),
          ),
          h(
            "div",
            { class: "notbox" },
            h("span", { class: "noterow" }, "not by ", clock(end, zone)),
            hollow(not),
            h("span", { class: "count" }, String(not)),
          ),
        ),
      ];
    });
  }

  private driven(risk: Risk): void {
    patch(this.drivers, risk.drivers, () => {
      const items = risk.drivers ?? [];
      return [
        h("h2", { id: "drivers-h" }, "What drives it"),
        items.length === 0
          ? h("p", { class: "note" }, "No source of this traffic can be told apart yet.")
          : h("ul", { class: "drivers" }, ...items.map((d) => h("li", {}, ...driver(d)))),
      ];
    });
  }

  private recommend(capacity: CapacityAnswer, site: Site, zone: string): void {
    const r = capacity.recommendation;
    patch(this.advice, [r, capacity.units_now, capacity.mode, capacity.valid_until, zone], () => {
      const head = h("h2", { id: "advice-h" }, "Recommendation");
      if (!r || capacity.rpm_per_unit <= 0) {
        return [head, h("p", { class: "note" }, "None: it needs the requests a minute that one unit serves.")];
      }
      const now = Date.parse(capacity.now);
      const units = (n: number) => `${n} ${n === 1 ? "unit" : "units"}`;
      const change = r.would_be_units !== capacity.units_now;
      const plan = (r.plan ?? []).filter((s, i, all) => i === 0 || s.units !== all[i - 1]!.units);
      const costs = r.cost_acting > 0 || r.cost_waiting > 0;
      return [
        head,
        h(
          "p",
          { class: "units" },
          change
            ? h("span", {}, `${capacity.units_now} `, h("span", { "aria-hidden": "true" }, "→"), h("span", { class: "sr" }, "to"), ` ${units(r.would_be_units)}`)
            : `Stay at ${units(capacity.units_now)}`,
        ),
        r.detail ? h("p", {}, ...withTimes(r.detail)) : null,
        plan.length > 1
          ? h("ol", { class: "plan" }, ...plan.map((s) => h("li", {}, timeElement(Date.parse(s.at), now, zone), ` ${units(s.units)}`)))
          : null,
        costs
          ? h("p", {}, `Acting costs about ${money(r.cost_acting, site.capacity.currency, 2)}; waiting risks about ${money(r.cost_waiting, site.capacity.currency, 2)}.`)
          : null,
        h(
          "p",
          { class: "note" },
          modes[capacity.mode]?.(r.units, r.would_be_units) ?? capacity.mode,
          " Valid until ",
          timeElement(Date.parse(r.valid_until || capacity.valid_until), now, zone),
          ".",
        ),
      ];
    });
  }

  private story(zone: string): void {
    const s = this.surge;
    this.surgeCard.hidden = !s || s.transitions.length === 0;
    if (!s) return;
    patch(this.surgeCard, [s.transitions, zone], () => [
      h("h2", { id: "surge-h" }, "This surge"),
      h(
        "ol",
        { class: "story" },
        ...s.transitions.map((t) =>
          h(
            "li",
            {},
            timeElement(Date.parse(t.at), this.now(), zone),
            badge(t.to),
            h("span", {}, ...(t.probability === null ? [] : [`chance ${shownPercent(t.probability).text}. `]), ...withTimes(t.headline)),
          ),
        ),
      ),
    ]);
  }

  private detail(risk: Risk, forecast: Forecast, capacity: CapacityAnswer, zone: string): void {
    const base = `/v1/sites/${this.slug}`;
    patch(this.engineersBody, [risk.forecast_id, risk.now, capacity.recommendation, zone], () => {
      const now = Date.parse(risk.now);
      const time = (s: string) => (Number.isFinite(Date.parse(s)) ? timeElement(Date.parse(s), now, zone) : "–");
      const percent = (p: number | null) => (p === null ? "–" : `${(100 * p).toFixed(2)} %`);
      const facts: [string, Node | string][] = [
        ["mode", capacity.mode],
        ["units now, least, most", `${capacity.units_now}, ${capacity.min_units}, ${capacity.max_units || "no cap"}`],
        ["units answered to autoscalers", String(capacity.recommendation?.units ?? "–")],
        ["reason", capacity.recommendation?.reason ?? "–"],
        ["demand now", `${rate(risk.demand_rpm)} requests a minute${risk.demand_rpm ? ` (${(risk.demand_rpm / 60).toFixed(1)} a second)` : ""}`],
        ["capacity", risk.capacity_rpm ? `${grouped(risk.capacity_rpm)} requests a minute (${(risk.capacity_rpm / 60).toFixed(1)} a second)` : "unknown"],
        ["act by", risk.act_by ? time(risk.act_by) : risk.act_by_reason || "–"],
        ["late by", risk.late_by_seconds > 0 ? `${risk.late_by_seconds} s` : "–"],
        ["origin", time(risk.origin)],
        ["issued", time(risk.issued_at)],
        ["valid until", time(risk.valid_until)],
        ["missing inputs", (risk.degraded ?? []).join(", ") || "none"],
        ["model", forecast.model_version],
        ["forecast", risk.forecast_id],
      ];
      return [
        h("dl", {}, ...facts.flatMap(([k, value]) => [h("dt", {}, k), h("dd", {}, value)])),
        h(
          "div",
          { class: "scroll", tabindex: "0", role: "region", "aria-label": "Chance by window" },
          h(
            "table",
            {},
            h("caption", {}, "Chance of being over capacity within"),
            h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "minutes"), h("th", { scope: "col" }, "chance"))),
            h("tbody", {}, ...(risk.risk ?? []).map((x) => h("tr", {}, h("th", { scope: "row" }, String(x.horizon_minutes)), h("td", {}, percent(x.probability))))),
          ),
        ),
        h(
          "p",
          { class: "links" },
          "JSON: ",
          ...["risk", "forecast", "capacity", "scale"].flatMap((p) => [h("a", { href: `${base}/${p}` }, p), " "]),
          h("a", { href: "/openapi.json" }, "specification"),
        ),
      ];
    });
  }

  // paper: print is light whatever the screen is, and the canvas has to be drawn anew for it.
  private paper(on: boolean): void {
    if (on) document.documentElement.dataset["theme"] = "light";
    else delete document.documentElement.dataset["theme"];
    this.chart.repaint();
  }
}

const modes: Record<string, (units: number, wouldBe: number) => string> = {
  shadow: (u, w) => `Shadow mode: autoscalers still get ${u}${u === w ? "" : `, and would get ${w}`}.`,
  advise: (u) => `Advise mode: people decide; autoscalers get ${u}.`,
  act: (u) => `Act mode: autoscalers get ${u}.`,
};

// suggested is the smallest window that holds what the verdict speaks of.
function suggested(risk: Risk): Window {
  const need = risk.state === "alert" || risk.state === "watch" ? risk.verdict.horizon_minutes : Math.min(360, risk.verdict.horizon_minutes || 360);
  return (Object.keys(windows) as Window[]).find((w) => windows[w] >= need) ?? "24h";
}

function driver(d: Driver | string): (Node | string)[] {
  if (typeof d === "string") return withTimes(d);
  if (d.sentence) return withTimes(d.sentence);
  const name = d.name ?? d.source ?? "";
  const percent = (x: number) => String(Math.round(100 * x));
  if (d.share === undefined || d.share === null) return [`${name} ${d.detail ?? ""}`.trim()];
  const wide = (d.share_high ?? 0) - (d.share_low ?? 0) > 0.3;
  if (wide) return [`${name}: cannot tell`];
  const between = d.share_low !== undefined && d.share_high !== undefined ? ` (${percent(d.share_low)}–${percent(d.share_high)})` : "";
  return [`${name} ${percent(d.share)} %${between}`, d.detail ? ` ${d.detail}` : ""];
}

function hollow(n: number): Element {
  const columns = Math.min(10, Math.max(1, n));
  const rows = Math.max(1, Math.ceil(n / columns));
  const svg = h<SVGElement>("svg", { viewBox: `0 0 ${columns * 12} ${rows * 12}`, width: columns * 12, height: rows * 12 });
  for (let i = 0; i < n; i++) {
    svg.append(h<SVGElement>("circle", { cx: (i % columns) * 12 + 6, cy: Math.floor(i / columns) * 12 + 6, r: 4.5, class: "dot" }));
  }
  return svg;
}

function swatch(key: string): Element {
  const svg = h<SVGElement>("svg", { viewBox: "0 0 24 12", width: 24, height: 12, "aria-hidden": "true", class: "swatch" });
  const line = (cls: string) => h<SVGElement>("line", { x1: 0, x2: 24, y1: 6, y2: 6, class: cls });
  if (key.startsWith("band")) svg.append(h<SVGElement>("rect", { x: 0.5, y: 0.5, width: 23, height: 11, class: key }));
  else if (key === "over" || key === "under") svg.append(h<SVGElement>("circle", { cx: 12, cy: 6, r: 4, class: key === "over" ? "dot over" : "dot" }));
  else if (key === "gap") svg.append(h<SVGElement>("path", { d: "M0 12L12 0M6 12L18 0M12 12L24 0", class: "hatch" }));
  else if (key === "actby") svg.append(h<SVGElement>("line", { x1: 12, x2: 12, y1: 0, y2: 12, class: "actby" }));
  else svg.append(line(`${key}line`));
  return svg;
}

const memory = "surgecast.engineers";

function remembered(): boolean {
  try {
    return localStorage.getItem(memory) === "open";
  } catch {
    return false; // storage is switched off: nothing to remember, nothing broken
  }
}

function remember(open: boolean): void {
  try {
    localStorage.setItem(memory, open ? "open" : "closed");
  } catch {
    // as above
  }
}

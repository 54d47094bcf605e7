import { AdmissionFold } from "./admission";
import { drive, recommend } from "./advice";
import { get, Problem, said } from "./api";
import { demoted } from "./demoted";
import { begins, type CapacityAnswer, type Forecast, type Risk, type Site, type State, type Surge } from "./documents";
import { h, patch } from "./element";
import { Engineers } from "./engineers";
import { back, Figure, isWindow, type Window, windows } from "./figure";
import { FirstBreach } from "./firstbreach";
import { ladder, type Ladder } from "./ladder";
import { Marks } from "./marks";
import { minutesLeft, money, shownPercent } from "./number";
import { paper, printedAt } from "./paper";
import { eventsOf, type PlannedEvent } from "./planned";
import { recordOf } from "./record";
import { type Page, type Shell, setQuery } from "./shell";
import { badge, foreseen, look, simulatedChip } from "./state";
import { TakeAway } from "./takeaway";
import { actBy, instant, timeElement, withTimes } from "./zone";

const minute = 60_000;
const farActBy = 120 * minute; // as the server's words have it

interface Documents {
  risk: Risk;
  forecast: Forecast;
  capacity: CapacityAnswer;
  site: Site;
  surge: Surge | null;
  events: PlannedEvent[];
  ladder: Ladder | null;
  window: Window;
}

// SitePage: one site, one verdict, and why. Every sentence is the API's, letter by letter; all documents
// of one moment are shown together, so that headline, dots and chart never tell of two forecasts.
export class SitePage implements Page {
  readonly stream: string;
  private docs: Documents | null = null;
  private window: Window | null = null;
  private before: State | null = null;
  private readonly warned = new Set<number>(); // minutes before act-by already spoken
  private wasOver = false;
  private wasOld = false;

  private readonly name = h("h1", {});
  private readonly chips = h("div", { class: "chips" });
  private readonly marks = new Marks(() => this.shell.request());
  private readonly demoted = h("p", { class: "demoted", hidden: true });
  private readonly card = h("section", { class: "card verdict", "aria-labelledby": "headline" });
  private readonly headline = h("h2", { id: "headline" });
  private readonly countdown = h("p", { class: "countdown" });
  private readonly sentence = h("p", { class: "sentence", id: "sentence" });
  private readonly was = h("p", { class: "note was", hidden: true });
  private readonly caveats = h("ul", { class: "caveats" });
  private readonly ended = h("p", { class: "ended", hidden: true });
  private readonly next = h("p", { class: "next", hidden: true });
  private readonly why = h("div", { class: "why" });
  private readonly figure = new Figure((w) => this.choose(w));
  private readonly breach = new FirstBreach();
  private readonly drivers = h("section", { class: "card", "aria-labelledby": "drivers-h" });
  private readonly advice = h("section", { class: "card", "aria-labelledby": "advice-h" });
  private readonly story = h("section", { class: "card surge", "aria-labelledby": "surge-h" });
  private readonly remedies = h("section", { class: "card remedies", "aria-labelledby": "ladder-h", hidden: true });
  private readonly admission: AdmissionFold;
  private readonly takeAway: TakeAway;
  private readonly engineers: Engineers;
  private readonly base: string;
  private readonly pinned = h("div", { class: "pinned", hidden: true });
  private readonly parts: HTMLElement;

  constructor(
    private readonly shell: Shell,
    private readonly slug: string,
  ) {
    this.stream = `?site=${encodeURIComponent(slug)}`;
    this.base = `/v1/sites/${encodeURIComponent(slug)}`;
    this.admission = new AdmissionFold(this.base);
    this.takeAway = new TakeAway(this.base);
    this.engineers = new Engineers(this.base);
    const range = new URLSearchParams(location.search).get("range");
    if (isWindow(range)) this.window = range;
    this.card.append(h("div", { class: "top" }, this.headline, this.countdown), this.sentence, this.was, this.caveats, this.ended, this.next, this.why);
    const pair = h("div", { class: "pair" }, this.drivers, this.advice);
    this.parts = h(
      "div",
      { class: "parts", hidden: true },
      this.card, this.figure.element, this.breach.element, pair, this.remedies, this.story, this.admission.element, this.engineers.element, this.pinned,
    ); // prettier-ignore
    shell.main.append(
      h(
        "div",
        { class: "sitehead" },
        h("a", { href: "/", class: "backlink" }, "‹ Overview"),
        this.name,
        this.chips,
        this.marks.element,
        h("div", { class: "print does" }, this.takeAway.element, h("button", { type: "button", class: "quiet", click: () => print() }, "Print")),
      ),
      this.demoted,
      this.parts,
    );
    paper(shell.main, () => this.figure.repaint(), () => printedAt(shell.clock.now(), shell.zone));
  }

  async load(): Promise<void> {
    const { base } = this;
    try {
      const [risk, site] = await Promise.all([get<Risk>(`${base}/risk`), get<Site>(base)]);
      const w = (this.window ??= suggested(risk));
      const now = instant(risk.now);
      const [forecast, capacity, surge, events, rungs] = await Promise.all([
        get<Forecast>(`${base}/forecast?horizon=${windows[w]}&history=${back(w) + 1}`),
        get<CapacityAnswer>(`${base}/capacity`),
        risk.surge ? get<Surge>(`/v1/surges/${encodeURIComponent(risk.surge.id)}`) : null,
        // What stands beside the verdict must not take the page with it.
        eventsOf(this.slug, now - (back(w) + 1) * minute, now + windows[w] * minute).catch(lost(this.docs?.events ?? [])),
        get<Ladder>(`${base}/ladder`).catch(lost(this.docs?.ladder ?? null)),
      ]);
      if (this.docs && (this.shell.paused || w !== this.window)) return; // asked for before the pause, or before another window was chosen
      this.docs = { risk, site, forecast, capacity, surge, events, ladder: rungs, window: w };
    } catch (e) {
      if (e instanceof Problem && e.status === 404 && !this.docs) {
        this.name.textContent = `No site called ${this.slug} here`;
        document.title = "No such site · Surgecast";
      }
      throw e;
    }
    this.render();
  }

  rezone(): void {
    this.render();
  }

  // Once the time of the numbers has passed and no news came, the page itself says so.
  private over(): boolean {
    const until = instant(this.docs?.risk.valid_until);
    return this.shell.ticking && this.shell.clock.now() > until;
  }

  // Nor does the page wait to be told that its forecast has got old.
  private old(): boolean {
    return this.docs !== null && this.docs.risk.state !== "cannot_tell" && this.shell.old(instant(this.docs.risk.issued_at));
  }

  private render(): void {
    if (!this.docs) return;
    const { risk, capacity, site, surge, forecast } = this.docs;
    const v = risk.verdict;
    const state = risk.state;
    const simulated = risk.simulated || site.simulated || v.simulated;
    this.shell.show({
      simulated,
      title: `${look(state).word}: ${risk.name} · Surgecast`,
      updatedAt: instant(risk.issued_at),
      now: instant(risk.now),
      zones: [site.time_zone],
    });
    const zone = this.shell.zone;
    const now = instant(risk.now);
    this.parts.hidden = false;
    patch(this.name, risk.name, () => [risk.name]);
    const since = instant(surge?.transitions?.findLast((t) => t.to === state)?.at);
    patch(this.chips, [state, since, zone, simulated], () => [
      badge(state),
      Number.isFinite(since) && h("span", { class: "since" }, "since ", timeElement(since, now, zone)),
      simulated && simulatedChip(),
    ]);
    const taken = risk.surge?.taken_by ?? "";
    const mutedUntil = risk.surge?.muted_until ?? null;
    const quiet = (state === "calm" || state === "recovery") && taken === "" && mutedUntil === null; // nothing to take
    this.marks.show(risk.surge && !quiet ? { surge: risk.surge.id, name: risk.name, takenBy: taken, takenNote: risk.surge.taken_note ?? "", mutedUntil, actBy: risk.act_by, now, zone } : null);
    this.demoted.hidden = !site.mode_why;
    patch(this.demoted, site.mode_why, () => demoted(site));
    this.card.className = `card verdict ${look(state).tone}${risk.stale || this.old() ? " stale" : ""}`;
    patch(this.headline, v.headline, () => withTimes(v.headline));
    patch(this.sentence, v.sentence, () => withTimes(v.sentence));
    this.was.hidden = !v.was;
    patch(this.was, v.was, () => withTimes(v.was ?? ""));
    // A caveat that already stands in the sentence is not said twice.
    const caveats = (v.caveats ?? []).filter((c) => !v.sentence.includes(c));
    patch(this.caveats, [caveats, zone === site.time_zone], () => [
      ...caveats.map((c) => h("li", {}, ...withTimes(c))),
      zone !== site.time_zone && h("li", {}, `Times in these sentences are in ${site.time_zone.replaceAll("_", " ")}.`),
    ]);
    this.step(risk);
    this.reasons(zone);
    this.drawFigure();
    this.breach.show(risk, forecast.step_seconds, zone);
    drive(this.drivers, risk);
    recommend(this.advice, capacity, site, zone);
    ladder(this.remedies, this.docs.ladder, state !== "cannot_tell", zone);
    this.admission.refresh();
    this.takeAway.show(risk, capacity, zone);
    this.tell(surge, zone);
    this.engineers.show(risk, forecast, capacity, zone);
    this.announce(risk);
    this.tick();
  }

  // step is the one thing to do where nothing can be said: never a page without a way on.
  private step(risk: Risk): void {
    const unsized = risk.state === "cannot_tell" && risk.capacity_rpm === null && (this.docs?.forecast.points ?? []).length > 0;
    this.next.hidden = risk.state !== "cannot_tell" || (risk.simulated && !risk.issued_at); // the simulated past needs nobody
    const to = (tab: string, words: string) => h("a", { href: `/setup?tab=${tab}&site=${encodeURIComponent(this.slug)}` }, words);
    patch(this.next, [unsized, risk.state], () => (unsized ? [to("capacity", "Enter a number"), " · ", to("capacity", "Import a load test")] : [to("feeds", "Check the traffic source")]));
  }

  private drawFigure(): void {
    if (!this.docs) return;
    const expired = this.over() || instant(this.docs.risk.now) > instant(this.docs.risk.valid_until);
    this.figure.show({ ...this.docs, zone: this.shell.zone, stale: this.docs.risk.stale || expired || this.old(), expired });
  }

  tick(): void {
    const r = this.docs?.risk;
    if (!r) return;
    const zone = this.shell.zone;
    const now = this.shell.clock.now();
    const at = actBy(r);
    const left = at - now;
    // A countdown that may be wrong is worse than none: then the clock time stands alone.
    const old = this.old();
    const counting = this.shell.ticking && !r.stale && !old && left < 24 * 60 * minute;
    // Who is told that there is nothing to decide yet is not told how long that takes: it may come nearer by hours.
    const far = r.state === "watch" && left > farActBy;
    const clockOnly = Number.isFinite(at) && !counting && !far;
    const words = counting && !far && left > 0 ? `${minutesLeft(left)} left` : ""; // what being past means the headline says
    patch(this.countdown, [words, clockOnly && at, zone], () => (clockOnly ? ["act by ", timeElement(at, now, zone)] : [words]));
    patch(this.pinned, [words, clockOnly, at, zone], () => ["act by ", timeElement(at, now, zone), words && ` · ${words}`]);
    this.pinned.hidden = !clockOnly && words === "";
    document.documentElement.classList.toggle("pins", !this.pinned.hidden);

    const over = this.over();
    const until = instant(r.valid_until);
    this.ended.hidden = !(over || old) || r.stale || r.state === "cannot_tell";
    const issued = instant(r.issued_at);
    patch(this.ended, [over, until, issued, zone], () =>
      over
        ? ["These numbers ended at ", timeElement(until, now, zone), " and no longer count."]
        : ["This is the forecast of ", timeElement(issued, now, zone), "; normally one comes every minute. Look at live traffic as well."],
    );
    if (over !== this.wasOver || old !== this.wasOld) {
      this.wasOver = over;
      this.wasOld = old;
      this.card.classList.toggle("stale", r.stale || old);
      this.drawFigure();
    }
    if (!counting || !Number.isFinite(at)) return;
    for (const m of [15, 5, 0]) {
      if (left > m * minute || this.warned.has(m)) continue;
      this.warned.add(m);
      // Only when it has just happened: a page opened late does not read the past aloud.
      if (left > (m - 2) * minute) this.shell.say(m === 0 ? "The act-by time is now." : `${m} minutes left to act.`);
    }
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

  private choose(w: Window): void {
    setQuery("range", w);
    this.window = w;
    this.figure.choose(w);
    if (!this.shell.paused) {
      this.shell.request();
    } else if (this.docs) {
      this.docs.window = w; // the paused page shows another window of the same moment: it brings no news
      this.drawFigure();
    }
  }

  // What stands behind "Why alert?" and "How sure?" explains the verdict; it adds no verdict of its own.
  private reasons(zone: string): void {
    if (!this.docs) return;
    const { risk, capacity, site } = this.docs;
    const r = capacity.recommendation;
    const cost = (n: number) => `about ${money(n, site.capacity.currency, 2)}`;
    const threshold = site.capacity.alert_probability || 0.2;
    // What no decision helps against was not weighed: the sentence says why there is an alert.
    const alert = risk.state === "alert" && (risk.act_by !== null || (r?.would_be_units ?? 0) > capacity.units_now);
    const [acting, waiting] = [r?.cost_acting ?? 0, r?.cost_waiting ?? 0];
    const costs = acting > 0 && waiting > 0 ? ([acting, waiting] as const) : null;
    const sooner = !risk.act_by ? [] : (risk.time_to_breach ?? []).flatMap((t) => (t.minutes === null ? [] : [{ of20: Math.round(20 * t.probability), minutes: t.minutes }]));
    const now = instant(risk.now);
    const start = begins(risk, this.docs.forecast.step_seconds);
    // Keyed by kind, so that an open explanation stays open while its numbers move.
    const known = risk.verdict.horizon_minutes > 0;
    patch(this.why, [alert, known, sooner.length > 0], () => [
      alert && h("details", {}, h("summary", {}, "Why alert?"), h("p", { class: "because" })),
      known && this.howSure(sooner.length > 0),
    ]);
    const because = this.why.querySelector(".because");
    if (because) {
      patch(because, [costs, threshold, site.capacity.currency], () => [
        "Alert does not mean it will happen. It means acting costs less than waiting",
        costs && `: ${cost(costs[0])} against ${cost(costs[1])}`,
        `. Your threshold: ${shownPercent(threshold).text}.`,
      ].filter((x): x is string => typeof x === "string"));
    } // prettier-ignore
    const list = this.why.querySelector(".sooner");
    if (list) {
      patch(list, [sooner, start, zone], () =>
        sooner.map((t) => h("li", {}, `${t.of20} in 20 are over capacity by `, timeElement(start + t.minutes * minute, now, zone), ".")),
      );
    }
  }

  // howSure is what became of what was said, and how early it may come.
  private howSure(sooner: boolean): HTMLElement {
    const record = h("ul", { class: "record" }, h("li", {}, "Counting…"));
    const open = (e: Event) => {
      if (!(e.currentTarget as HTMLDetailsElement).open) return;
      recordOf(record, this.base, this.docs?.risk.verdict.horizon_minutes ?? 60).catch((x: unknown) => record.replaceChildren(h("li", {}, said(x))));
    };
    return h(
      "details",
      { toggle: open },
      h("summary", {}, "How sure?"),
      record,
      h("p", {}, h("button", { type: "button", class: "link", click: () => this.engineers.showAccuracy() }, "Accuracy by lead")),
      sooner && h("p", {}, "The act-by time is the last one that still helps if the overload comes at its early end: 2 in 20 come sooner."),
      sooner && h("ul", { class: "sooner" }),
    );
  }

  // tell is the surge so far, state by state.
  private tell(s: Surge | null, zone: string): void {
    this.story.hidden = !s || (s.transitions ?? []).length === 0;
    if (!s || this.story.hidden) return;
    const now = instant(this.docs?.risk.now);
    patch(this.story, [s.transitions, zone], () => [
      h("h2", { id: "surge-h" }, "This surge"),
      h(
        "ol",
        { class: "story" },
        ...s.transitions.map((t) =>
          h(
            "li",
            {},
            timeElement(instant(t.at), now, zone),
            badge(t.to),
            h("span", {}, ...withTimes(t.headline), t.probability === null || !foreseen(t.to) ? "" : h("span", { class: "together" }, ` (chance ${shownPercent(t.probability).text})`)),
          ),
        ),
      ),
    ]);
  }
}

// lost keeps what was known when a part of the page does not come; a refused key is for the shell.
function lost<T>(before: T): (e: unknown) => T {
  return (e) => {
    if (e instanceof Problem) return before;
    throw e;
  };
}

// suggested is the smallest window that holds what the verdict speaks of.
function suggested(risk: Risk): Window {
  const need = Math.min(1440, risk.verdict.horizon_minutes || 60);
  return (Object.keys(windows) as Window[]).find((w) => windows[w] >= need) ?? "24h";
}

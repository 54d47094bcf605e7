import { get } from "./api";
import { h, patch } from "./element";
import { feedName } from "./feedname";
import { ago, grouped } from "./number";
import type { Setting, Tab } from "./setuppage";
import { simulatedChip } from "./state";
import { amount } from "./topicseries";
import { instant, timeElement, withTimes } from "./zone";

interface Health {
  state: string;
  since: string;
  sentence: string;
  warning?: string;
  last_error?: string;
  lag_seconds: number | null;
  gap_seconds: number | null;
  events_per_second: number | null;
  last_event_at: string | null;
  watermark: string | null;
  approximate_until?: string | null;
  spent_usd: number | null;
  events: number;
  mentions: number;
  duplicates: number;
  reconnects: number;
  dropped?: Record<string, number> | null;
  updated_at: string;
}

interface Traffic {
  site: string;
  kind: string;
  state: string;
  sentence: string;
  last_minute: string | null;
  warning?: string;
  error?: string;
}

interface Source {
  source: string;
  kind: string;
  mode: string;
  step_seconds: number;
  simulated: boolean;
  health: Health | null;
  gaps: { from: string; to: string; reason: string }[] | null;
}

const states: Record<string, { word: string; shape: string; tone: string }> = {
  live: { word: "Live", shape: "●", tone: "calm" },
  connecting: { word: "Connecting", shape: "◌", tone: "learning" },
  catching_up: { word: "Catching up", shape: "◌", tone: "learning" },
  waiting: { word: "Waiting", shape: "▲", tone: "watch" },
  stopped: { word: "Stopped", shape: "?", tone: "unknown" },
};

// FeedsTab: what each feed counts now, what it lost, what it cost. The sentences are the server's.
export class FeedsTab implements Tab {
  readonly element = h("div", { class: "parts" });
  readonly live = true;
  private readonly lead = h("p", { class: "lead" });
  private readonly list = h("ul", { class: "feeds" });
  private readonly traffic = h("section", { class: "parts", "aria-labelledby": "traffic-h", hidden: true });

  constructor() {
    this.element.append(
      this.lead,
      this.list,
      this.traffic,
      h("p", { class: "note" }, "Feeds are switched on where the server runs: docs/feeds.md has the flags, what each feed counts, costs and permits. Silence of a healthy feed is zero; what a feed could not show is missing, never zero."),
    );
  }

  async load(s: Setting): Promise<void> {
    const all = await get<{ items: Source[] | null; traffic?: Traffic[] | null }>("/v1/sources");
    const sources = all.items ?? [];
    const traffic = all.traffic ?? [];
    const read = sources.filter((x) => x.health !== null);
    const bad = read.filter((x) => x.health!.state !== "live" || s.now - instant(x.health!.updated_at) > 120_000 || (x.health!.warning ?? "") !== "" || (x.health!.lag_seconds ?? 0) > 180);
    const words =
      sources.length === 0
        ? "No feed has counted anything yet."
        : read.length === 0
          ? sources.every((x) => x.simulated) ? "All mentions here are simulated." : "No feed is read by this server."
          : bad.length === 0
            ? "All feeds are counting."
            : `${bad.length} ${bad.length === 1 ? "feed" : "feeds"} behind.`;
    patch(this.lead, words, () => [words]);
    const zone = s.shell.zone;
    patch(this.list, [sources, zone], () => sources.map((x) => h("li", { class: "card feed" }, ...feed(x, s.now, zone))));
    this.traffic.hidden = traffic.length === 0;
    patch(this.traffic, [traffic, s.sites.map((x) => x.name), zone], () => [
      h("h2", { id: "traffic-h" }, "Readers of traffic"),
      h(
        "ul",
        { class: "feeds" },
        ...traffic.map((t) => {
          const look = states[t.state] ?? { word: t.state, shape: "?", tone: "unknown" };
          return h(
            "li",
            { class: "card feed" },
            h("div", { class: "inrow feedhead" }, h("h3", {}, s.sites.find((x) => x.slug === t.site)?.name ?? t.site), h("span", { class: `badge ${look.tone}` }, h("span", { class: "shape", "aria-hidden": "true" }, look.shape), look.word), h("span", { class: "note" }, t.kind)),
            h("p", {}, ...withTimes(t.sentence)),
            t.warning ? h("p", { class: "warning" }, h("span", { "aria-hidden": "true" }, "▲ "), ...withTimes(t.warning)) : null,
            t.error ? h("p", { class: "note" }, ...withTimes(t.error)) : null,
            t.last_minute ? h("p", { class: "note" }, "Last minute read: ", timeElement(instant(t.last_minute), s.now, zone), ".") : null,
          );
        }),
      ),
    ]);
  }
}

function feed(x: Source, now: number, zone: string): (Node | null)[] {
  const health = x.health;
  // One that has not spoken for two minutes says nothing of now, whatever it said last.
  const silent = health !== null && now - instant(health.updated_at) > 120_000;
  const look = silent ? { word: "Silent", shape: "?", tone: "unknown" } : health ? (states[health.state] ?? { word: health.state, shape: "?", tone: "unknown" }) : null;
  const every = x.step_seconds >= 3600 ? "by the hour" : x.step_seconds > 60 ? `every ${x.step_seconds / 60} minutes` : "by the minute";
  const gaps = x.gaps ?? [];
  return [
    h(
      "div",
      { class: "inrow feedhead" },
      h("h2", {}, feedName(x.source)),
      look && h("span", { class: `badge ${look.tone}` }, h("span", { class: "shape", "aria-hidden": "true" }, look.shape), look.word),
      x.simulated && simulatedChip(),
      h("span", { class: "note" }, `${x.kind}, ${every}`),
    ),
    h("p", {}, ...(health ? withTimes(health.sentence) : [x.simulated ? "Made by the simulator." : "Nothing reads it here: it is pushed or imported."])),
    health?.warning ? h("p", { class: "warning" }, h("span", { "aria-hidden": "true" }, "▲ "), ...withTimes(health.warning)) : null,
    gaps.length > 0
      ? h("p", { class: "note" }, "Lost in the last 24 hours, missing and not zero: ", ...gaps.flatMap((g, i): (Node | string)[] => [
          i > 0 ? "; " : "", timeElement(instant(g.from), now, zone), "–", timeElement(instant(g.to), now, zone), g.reason ? ` (${g.reason})` : "",
        ]), ".")
      : null,
    health ? numbers(health, now, zone) : null,
  ]; // prettier-ignore
}

function numbers(n: Health, now: number, zone: string): HTMLElement {
  const facts: [string, Node | string][] = [
    ["behind", n.lag_seconds === null ? "unknown" : ago(1000 * n.lag_seconds)],
    ["read a second", n.events_per_second === null ? "unknown" : amount(n.events_per_second)],
    ["lost in 24 h", n.gap_seconds === null ? "unknown" : n.gap_seconds === 0 ? "nothing" : ago(1000 * n.gap_seconds)],
    ["read, mentions, twice", `${grouped(n.events)}, ${grouped(n.mentions)}, ${grouped(n.duplicates)}`],
    ["reconnected", String(n.reconnects)],
    ["complete until", timeElement(instant(n.watermark), now, zone)],
    ["in this state since", timeElement(instant(n.since), now, zone)],
  ];
  if (n.spent_usd !== null) facts.unshift(["spent this month", `$${n.spent_usd.toFixed(2)}`]);
  if (n.approximate_until) facts.push(["organic and authors approximate until", timeElement(instant(n.approximate_until), now, zone)]);
  const dropped = Object.entries(n.dropped ?? {});
  if (dropped.length > 0) facts.push(["left out", dropped.map(([why, k]) => `${why} ${grouped(k)}`).join(", ")]);
  if (n.last_error) facts.push(["last error", n.last_error]);
  return h("details", {}, h("summary", {}, "Numbers"), h("dl", { class: "factlist" }, ...facts.flatMap(([k, v]) => [h("dt", {}, k), h("dd", {}, v)])));
}

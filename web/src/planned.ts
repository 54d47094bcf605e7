import { del, get, post, put } from "./api";
import type { ForecastPoint, Recommendation, Verdict } from "./documents";

// Planned events, and what a site would get if one more were planned, as the API has them.

export interface EventFields {
  kind: string;
  name: string;
  starts_at: string;
  ends_at?: string | null;
  expected_reach: number;
}

export interface PlannedEvent extends EventFields {
  id: string;
  site: string;
  announced_at: string | null;
}

export interface WhatIfSide {
  points: ForecastPoint[] | null;
  risk: { horizon_minutes: number; probability: number | null }[] | null;
  act_by: string | null;
  recommendation: Recommendation | null;
  units_for_peak: number;
  verdict: Verdict;
}

// Size is what an event is expected to bring, and where that comes from.
export interface Size {
  visits: number | null;
  visits_low: number | null; // 16 of 20 cases lie between low and high
  visits_high: number | null;
  basis: string; // the server's words
}

export interface WhatIf {
  site: string;
  name: string;
  simulated: boolean;
  now: string;
  origin: string;
  levels: number[];
  capacity_rpm: number | null;
  units_now: number;
  without: WhatIfSide;
  with: WhatIfSide;
  asked?: Size[] | null;
}

// kinds in words, in the order of the API's list.
export const kinds: Record<string, string> = {
  sale: "Sale or drop",
  newsletter: "Newsletter",
  tv_spot: "TV spot",
  celebrity_post: "Post of somebody followed",
  push: "Push notification",
  on_sale: "Tickets on sale",
  announcement: "Announcement",
  match: "Live event",
  breaking: "Breaking story",
  article: "Article",
};

// usual are the kinds a kind of site plans most, its usual one first (as the server's EventKindsOf).
export const usual: Record<string, string[]> = {
  shop: ["sale", "newsletter", "tv_spot", "celebrity_post", "push"],
  venue: ["on_sale", "announcement", "match", "newsletter", "push"],
  newsroom: ["breaking", "push", "article", "newsletter"],
};

// lasting are the kinds that have an end of their own.
export const lasting = new Set(["sale", "on_sale", "match"]);

const waveGap = 20 * 60_000;

// waves splits one event into n of equal size, twenty minutes apart.
export function waves(e: EventFields, n: number): EventFields[] {
  if (n <= 1) return [e];
  return Array.from({ length: n }, (_, i) => ({
    ...e,
    name: `${e.name} ${i + 1} of ${n}`,
    starts_at: iso(Date.parse(e.starts_at) + i * waveGap),
    ends_at: e.ends_at ? iso(Date.parse(e.ends_at) + i * waveGap) : null,
    expected_reach: Math.round(e.expected_reach / n),
  }));
}

export function iso(t: number): string {
  return new Date(t).toISOString().replace(".000Z", "Z");
}

const site = encodeURIComponent;

export async function eventsOf(slug: string, from: number, to: number | null): Promise<PlannedEvent[]> {
  const until = to === null ? "" : `&to=${iso(to)}`;
  return (await get<{ items: PlannedEvent[] | null }>(`/v1/events?site=${site(slug)}&from=${iso(from)}${until}&limit=200`)).items ?? [];
}

// whatIf asks with the events as they would be planned; id names the saved event they would replace.
export function whatIf(slug: string, events: EventFields[], id: string | null): Promise<WhatIf> {
  return post<WhatIf>(`/v1/sites/${site(slug)}/what-if`, { events: events.map((e, i) => (id && i === 0 ? { ...e, id } : e)) });
}

export function save(slug: string, e: EventFields): Promise<PlannedEvent> {
  return post<PlannedEvent>("/v1/events", { site: slug, ...e });
}

export function change(id: string, e: EventFields): Promise<PlannedEvent> {
  return put<PlannedEvent>(`/v1/events/${site(id)}`, e);
}

export function remove(id: string): Promise<void> {
  return del<void>(`/v1/events/${site(id)}`);
}

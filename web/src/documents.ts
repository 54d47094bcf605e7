// The API's JSON documents, as far as the pages read them. Units are in the names; times are RFC 3339
// UTC; what was not a number is null.

export type State =
  | "calm"
  | "watch"
  | "alert"
  | "over_capacity"
  | "recovery"
  | "failing"
  | "cannot_tell"
  | "learning";

export interface Verdict {
  state: State;
  headline: string;
  sentence: string;
  word: string;
  shown_percent: string;
  shown_value: number | null;
  overview: string;
  was?: string; // "Was 35 % at 13:50."
  caveats: string[] | null;
  horizon_minutes: number;
  simulated: boolean;
}

export interface Capacity {
  units: number;
  min_units: number;
  max_units: number;
  rpm_per_unit: number; // 0: not stated
  workers_per_unit?: number;
  service_seconds?: number;
  p95_limit_ms?: number;
  capacity_rpm: number;
  measured?: { low_rpm: number | null; high_rpm: number | null; tested_max_units: number; curve: boolean } | null; // read only
  lead_time_p95_seconds: number;
  sustain_minutes: number;
  cost_lost_request: number;
  cost_idle_unit_hour: number;
  currency: string;
  alert_probability: number;
}

export interface Site {
  slug: string;
  name: string;
  mode: string;
  mode_since?: string;
  mode_why?: string; // the ledger's words, when it took the site from act to advise
  time_zone: string;
  simulated: boolean;
  capacity: Capacity;
}

export interface SiteStatus {
  state: State;
  verdict: Verdict | null;
  act_by: string | null;
  probability_6h: number | null;
  at_stake: number | null;
  currency?: string;
  origin: string | null;
  issued_at: string | null;
  valid_until: string | null;
  stale: boolean;
  surge_id: string | null;
  surge_since: string | null;
  taken_by?: string;
  taken_note?: string;
  muted_until?: string | null;
  units_now: number;
  units_recommended: number | null;
  spark_rpm: (number | null)[] | null; // the median expected in each of the next 24 hours
}

export interface SiteRow extends Site {
  status: SiteStatus | null;
}

export interface Worklist {
  items: SiteRow[];
  now: string;
  next?: string;
}

export interface ForecastPoint {
  at: string;
  lead_minutes: number;
  quantiles_rpm: (number | null)[];
}

export interface HistoryPoint {
  at: string;
  requests_rpm: number | null;
  saturated?: boolean;
}

export interface Forecast {
  site: string;
  name: string;
  simulated: boolean;
  now: string;
  origin: string | null;
  issued_at: string | null;
  valid_until: string | null;
  stale: boolean;
  forecast_id: string | null;
  model_version: string;
  step_seconds: number;
  levels: number[];
  points: ForecastPoint[] | null;
  history: HistoryPoint[] | null;
  gaps: { from: string; to: string }[] | null;
  capacity_rpm: number | null;
  capacity_history: { at: string; capacity_rpm: number | null }[] | null;
  time_zone: string;
}

export interface Driver {
  source: string;
  share: number | null;
  share_low?: number | null;
  share_high?: number | null;
  doubling_minutes?: number | null;
}

export interface Risk {
  site: string;
  name: string;
  simulated: boolean;
  now: string;
  state: State;
  verdict: Verdict;
  capacity_rpm: number | null;
  units: number;
  demand_rpm: number | null;
  risk: { horizon_minutes: number; probability: number | null }[] | null;
  time_to_breach: { probability: number; minutes: number | null }[] | null;
  act_by: string | null;
  act_by_reason: string;
  late_by_seconds: number;
  peak_dots_rpm: (number | null)[] | null;
  breach_dots_minutes: (number | null)[] | null;
  drivers: Driver[] | null;
  origin: string | null;
  issued_at: string | null;
  valid_until: string | null;
  stale: boolean;
  degraded: string[] | null;
  forecast_id: string | null;
  surge: { id: string; state: State; opened_at: string | null; alert_at: string | null; taken_by?: string; taken_note?: string; muted_until?: string | null } | null;
  level: string;
  last?: { at: string; requests_rpm: number | null };
}

// begins is the moment a forecast's future begins: the end of its last complete bucket. Minutes of a window,
// or until a breach, count from there.
export function begins(doc: { origin: string | null }, stepSeconds: number): number {
  return Date.parse(doc.origin ?? "") + Math.max(stepSeconds || 60, 60) * 1000;
}

export interface Recommendation {
  units: number;
  would_be_units: number;
  previous_units: number;
  min_units: number;
  max_units: number;
  demand_rpm: number;
  alpha: number;
  reason: string;
  detail: string;
  valid_until: string | null;
  cost_acting: number | null;
  cost_waiting: number | null;
  serves_rpm: number | null; // would_be_units
  plan: { at: string; units: number; serves_rpm: number | null }[] | null;
}

export interface CapacityAnswer {
  site: string;
  now: string;
  mode: string;
  units_now: number;
  min_units: number;
  max_units: number;
  rpm_per_unit: number | null;
  capacity_rpm: number | null;
  measured: { low_rpm: number | null; high_rpm: number | null; tested_max_units: number; curve: boolean } | null;
  recommendation: Recommendation | null;
  valid_until: string | null;
  stale: boolean;
}

export interface Surge {
  id: string;
  state: State;
  opened_at: string;
  transitions: {
    at: string;
    issued_at: string;
    from: State;
    to: State;
    probability: number | null;
    headline: string;
    sentence: string;
  }[];
}

import type { HistoryPoint, State, Surge } from "./documents";

// A surge in hindsight, as the API tells it.

export interface SurgeHead extends Omit<Surge, "transitions"> {
  subject: string;
  kind: string;
  alert_at: string | null;
  peak_at: string | null;
  peak: number | null;
  closed_at: string | null;
  simulated: boolean;
}

export interface Said {
  forecast_id: string;
  origin: string;
  issued_at: string;
  state: State;
  probability: number | null;
  horizon_minutes: number;
  headline: string;
}

export interface Rule {
  rule: string;
  warning_minutes: number | null;
  minutes_over: number;
  lost_requests: number | null;
  unit_hours: number | null;
  peak_units: number;
  cost: number | null;
}

export interface Receipt {
  model_versions: string[] | null;
  seal_versions: number[] | null;
  first_id: string;
  last_id: string;
  last_hash: string;
  broken: number;
}

export interface Review {
  surge: SurgeHead;
  site: string;
  name: string;
  time_zone: string;
  simulated: boolean;
  now: string;
  from: string;
  to: string;
  open: boolean;
  headline: string;
  sentences: string[] | null;
  notes: string[] | null;
  capacity_rpm: number | null;
  currency: string;
  came: HistoryPoint[] | null;
  said: Said[] | null;
  transitions: Surge["transitions"] | null;
  rules: Rule[] | null;
  missing_minutes: number;
  receipt: Receipt;
}

export interface Record_ {
  horizons: { horizon_minutes: number; rows: { occasions: number; happened: number; sentence: string }[] | null }[] | null;
}

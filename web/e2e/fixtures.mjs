// Documents of one site in every state of UX 2.0, at one fixed minute: Thu 24 Sep 2026, 14:20 in Berlin.
// The sentences are the specification's own copy; the numbers are made so that they fit them, with the
// arithmetic beside. Nothing here is a forecast, and nothing of it leaves the tests.

export const now = Date.parse("2026-09-24T12:20:00Z");
const minute = 60_000;
const iso = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");
const berlin = (hhmm) => Date.parse(`2026-09-24T${hhmm}:00+02:00`);

export const levels = [0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999];
// Standard normal quantiles of the levels.
const z = [-1.96, -1.645, -1.282, -0.842, -0.674, -0.524, -0.253, 0, 0.253, 0.524, 0.674, 0.842, 1.282, 1.645, 1.96, 2.326, 2.576, 3.09];
// Of (k − ½)/20, k = 1 … 20.
const z20 = [-1.96, -1.44, -1.15, -0.935, -0.755, -0.598, -0.454, -0.319, -0.189, -0.063, 0.063, 0.189, 0.319, 0.454, 0.598, 0.755, 0.935, 1.15, 1.44, 1.96];

function noise(i) {
  const x = Math.sin(i * 12.9898) * 43758.5453;
  return x - Math.floor(x) - 0.5;
}

// States: what differs from the alert. percent is the shown chance of the verdict's window; over of 20
// peaks lie above capacity. level is traffic now; ahead is the median an hour ahead.
export const states = {
  calm: {
    state: "calm", percent: 2, word: "very small chance", horizon: 360, level: 480, ahead: 560, spread: 0.16, actBy: null,
    headline: "Nothing to do before 20:20.",
    sentence: "Very small chance (2 %) that traffic passes 1,200 requests a minute in the next 6 hours. Busiest around 19:00, about 640 a minute.",
    overview: "Nothing to do", units: 6,
  },
  watch: {
    state: "watch", percent: 10, word: "small chance", horizon: 360, level: 600, ahead: 760, spread: 0.22, actBy: berlin("16:05"), surge: berlin("13:52"),
    headline: "Be ready. Decide by 16:05.",
    sentence: "Small chance (10 %) of passing 1,200 requests a minute by 20:20: 2 in 20 situations like this one. Nothing to buy yet; make sure someone can be reached.",
    overview: "Be ready", units: 6,
  },
  alert: {
    state: "alert", percent: 60, word: "about even chance", horizon: 60, level: 640, ahead: 1180, spread: 0.33, actBy: berlin("14:41"), surge: berlin("13:52"), alert: berlin("14:12"),
    headline: "Add 7 units by 14:41.",
    sentence: "About even chance (60 %) that traffic passes 1,200 requests a minute by 15:20, most likely around 15:05: 12 in 20 situations like this one. 13 units would carry 19 in 20. Acting costs about €6; waiting risks about €540.",
    was: "Was 35 % at 13:50.", overview: "Add 7 units", units: 13,
  },
  past: {
    state: "alert", percent: 60, word: "about even chance", horizon: 60, level: 860, ahead: 1300, spread: 0.3, actBy: berlin("14:11"), late: 540, surge: berlin("13:42"), alert: berlin("13:58"),
    headline: "Past 14:11. Act now, it still helps.",
    sentence: "7 more units ordered now serve from 14:29. The chance of being over before that is 25 %.",
    overview: "Act now", units: 13,
  },
  over: {
    state: "over_capacity", percent: 97, word: "almost certain", horizon: 60, level: 1480, ahead: 1350, spread: 0.2, actBy: null, surge: berlin("13:22"), alert: berlin("13:42"), saturated: true,
    headline: "Over capacity since 14:03.",
    sentence: "1,480 requests a minute arrive, 1,200 can be served. 7 more units ordered now serve from 14:29. 16 in 20 such surges are back under capacity by 15:40.",
    overview: "Over since 14:03", units: 13,
  },
  recovery: {
    state: "recovery", percent: 15, word: "small chance", horizon: 60, level: 900, ahead: 760, spread: 0.22, actBy: null, surge: berlin("12:22"), alert: berlin("12:42"), unitsNow: 13,
    headline: "Hold 13 units until 14:50.",
    sentence: "Under capacity since 13:58. Small chance (15 %) of a second wave by 15:20. Then step down: 9 units at 14:50, 6 at 15:35.",
    overview: "Hold until 14:50", units: 13,
  },
  nodata: {
    state: "cannot_tell", percent: 0, word: "", horizon: 0, level: 480, ahead: 0, spread: 0, actBy: null, gapFrom: berlin("14:02"), stale: true, noForecast: true,
    headline: "No numbers from this site since 14:02.",
    sentence: "So there is no verdict; the last one (13:58, calm) no longer counts. The autoscaler kept 6 units until 14:20 and now gets an error, not a guess.",
    overview: "No data since 14:02", units: 6,
  },
  stale: {
    state: "alert", percent: 60, word: "about even chance", horizon: 60, level: 620, ahead: 1180, spread: 0.33, actBy: berlin("14:41"), surge: berlin("13:52"), alert: berlin("14:02"), stale: true, age: 7,
    headline: "This forecast is 7 minutes old.",
    sentence: "Made at 14:13; normally every minute. It said: add 7 units by 14:41, about even chance (60 %). Look at live traffic as well.",
    overview: "60 % (7 min old)", units: 13,
  },
  learning: {
    state: "learning", percent: 4, word: "very small chance", horizon: 360, level: 420, ahead: 520, spread: 0.45, actBy: null,
    headline: "Still learning this site: day 2.",
    sentence: "Based on similar sites, not yet on this one, so ranges are wide. From day 3 they use its own traffic.",
    overview: "Nothing to do", units: 6,
  },
  unknowncapacity: {
    state: "cannot_tell", percent: 0, word: "", horizon: 0, level: 640, ahead: 1180, spread: 0.33, actBy: null, capacity: 0,
    headline: "How much can this site take?",
    sentence: "Here is the traffic forecast. Without a capacity there is no chance and no act-by.",
    overview: "Enter a capacity", units: 0,
  },
  failing: {
    state: "failing", percent: 2, word: "very small chance", horizon: 360, level: 520, ahead: 560, spread: 0.16, actBy: null, surge: berlin("14:08"),
    headline: "Checkout is failing since 14:08.",
    sentence: "18 % of its requests end in errors, usually 1 %. Traffic is not the reason: 520 of 1,200 requests a minute arrive.",
    overview: "Checkout fails since 14:08", units: 6,
  },
};
// The same alert, made by simulate.
states.simulated = {
  ...states.alert, simulated: true,
  sentence: `${states.alert.sentence} This site and its traffic are simulated.`,
};

const perUnit = 200;

export function site(name, slug = "nordlicht") {
  const s = states[name];
  const unitsNow = s.unitsNow ?? 6;
  const unknown = s.capacity === 0;
  return {
    slug, name: "Nordlicht Tickets", kind: "venue", mode: "shadow", time_zone: "Europe/Berlin", simulated: s.simulated === true,
    capacity: {
      units: unitsNow, min_units: 6, max_units: 20, rpm_per_unit: unknown ? 0 : perUnit, capacity_rpm: unknown ? 0 : unitsNow * perUnit,
      lead_time_p50_seconds: 300, lead_time_p95_seconds: 540, sustain_minutes: 3, p95_limit_ms: 0,
      cost_lost_request: 0.02, cost_idle_unit_hour: 0.6, currency: "EUR", target_quantile: 0, alert_probability: 0.2, max_extra_unit_hours_per_day: 0,
    },
    segments: [], created_at: "2026-09-01T08:00:00Z", updated_at: "2026-09-01T08:00:00Z",
  };
}

function verdict(name) {
  const s = states[name];
  return {
    state: s.state, headline: s.headline, sentence: s.sentence, ...(s.was ? { was: s.was } : {}), word: s.word, shown_percent: s.percent > 0 ? `${s.percent} %` : "",
    shown_value: s.percent, overview: s.overview, visitors: "Working normally.", caveats: null, horizon_minutes: s.horizon, simulated: s.simulated === true,
  };
}

const capacityOf = (name) => (states[name].capacity === 0 ? null : (states[name].unitsNow ?? 6) * perUnit);
const originOf = (name) => now - minute - (states[name].age ?? 0) * minute;

export function risk(name, slug = "nordlicht") {
  const s = states[name];
  const c = capacityOf(name);
  const origin = originOf(name);
  const n = Math.round(s.percent / 5);
  // n of 20 levels c·exp(s·(z − zn)) lie above c when zn is between the (20−n)th and the next.
  const zn = n > 0 && n < 20 ? (z20[19 - n] + z20[20 - n]) / 2 : n === 0 ? 2.5 : -2.5;
  const peaks = c && s.horizon > 0 ? z20.map((q) => Math.round(c * Math.exp(Math.max(s.spread, 0.1) * (q - zn)))) : [];
  const breaches = c && s.horizon > 0 ? z20.map((_, k) => (k < n ? Math.round((s.horizon * (0.3 + (0.68 * (k + 0.5)) / 20 + 0.03 * noise(k))) * 10) / 10 : null)) : [];
  const p = s.percent / 100;
  const horizons = [5, 15, 30, 60, 120, 360, 720, 1440];
  return {
    site: slug, name: "Nordlicht Tickets", segment: "total", simulated: s.simulated === true, now: iso(now), state: s.state, verdict: verdict(name),
    capacity_rpm: c, units: s.unitsNow ?? 6, demand_rpm: s.level,
    risk: s.noForecast || c === null ? null : horizons.map((h) => ({ horizon_minutes: h, probability: Math.min(0.99, p * Math.sqrt(h / s.horizon) * (h < s.horizon ? h / s.horizon : 1)) })),
    grid: null,
    time_to_breach: [0.1, 0.25, 0.5, 0.75, 0.9].map((q) => ({ probability: q, minutes: q <= p ? Math.round(s.horizon * (0.4 + 0.6 * q)) : null })),
    act_by: s.actBy ? iso(s.actBy) : null, act_by_reason: s.actBy ? "" : "below_threshold", late_by_seconds: s.late ?? 0,
    peak_dots_rpm: peaks, breach_dots_minutes: breaches, drivers: [],
    origin: iso(origin), issued_at: iso(origin + minute - (s.noForecast ? 18 * minute : 0)), valid_until: iso(s.noForecast ? berlin("14:18") : origin + 16 * minute), stale: s.stale === true,
    degraded: ["mentions"], forecast_id: "fct_0199780e-57c0-7b3e-9d0a-5a3c4b2a1f00",
    surge: s.surge ? { id: "srg_0199780e-57c0-7b3e-9d0a-5a3c4b2a1f01", state: s.state, opened_at: iso(s.surge), alert_at: s.alert ? iso(s.alert) : null } : null,
    level: s.state,
  };
}

export function forecast(name, horizon = 60, history = 60, slug = "nordlicht") {
  const s = states[name];
  const c = capacityOf(name);
  const origin = originOf(name);
  const past = [];
  for (let m = history; m >= 0; m--) {
    const at = origin - m * minute;
    if (s.gapFrom && at >= s.gapFrom) continue;
    // The last 90 minutes lead up to the level of now, from what is usual (45 % of it, at least 300).
    const base = Math.min(s.level, Math.max(300, 0.45 * s.level));
    const rise = m < 90 ? (1 - m / 90) ** 2 : 0;
    const y = (base + (s.level - base) * rise) * (1 + 0.1 * noise(at / minute)) * (1 + 0.25 * Math.sin(m / 230));
    past.push({ at: iso(at), requests_rpm: Math.round(y), saturated: s.saturated === true && m < 17 });
  }
  // A second, older gap shows that a hole is drawn as a hole.
  const gaps = s.gapFrom ? [{ from: iso(s.gapFrom), to: iso(now) }] : [];
  const hole = [now - 45 * minute, now - 40 * minute];
  if (!s.gapFrom && history > 50) {
    gaps.push({ from: iso(hole[0]), to: iso(hole[1]) });
    for (const p of past) if (Date.parse(p.at) >= hole[0] && Date.parse(p.at) < hole[1]) p.requests_rpm = null;
  }
  const points = [];
  if (!s.noForecast) {
    for (let k = 1; k <= horizon; k += k < 120 ? 1 : 5) {
      const w = 1 - Math.exp(-k / 28);
      const day = k > 90 ? Math.exp(-(k - 90) / 400) : 1;
      const median = (s.level + (s.ahead - s.level) * w) * (0.4 + 0.6 * day);
      const spread = Math.min(0.7, 0.05 + s.spread * Math.sqrt(Math.min(k, 240) / 60));
      points.push({ at: iso(origin + k * minute), lead_minutes: k, quantiles_rpm: z.map((q) => Math.round(median * Math.exp(spread * q) * 10) / 10) });
    }
  }
  return {
    site: slug, name: "Nordlicht Tickets", segment: "total", simulated: s.simulated === true, now: iso(now), origin: iso(origin), issued_at: risk(name).issued_at,
    valid_until: risk(name).valid_until, stale: s.stale === true, forecast_id: risk(name).forecast_id, model_version: "fixture", step_seconds: 60,
    levels, leads_minutes: [], quantiles_rpm: [], points, history: past, gaps, capacity_rpm: c,
    capacity_history: c === null ? [] : name === "recovery"
      ? [{ at: iso(now - 3000 * minute), capacity_rpm: 1200 }, { at: iso(now - 24 * minute), capacity_rpm: 2600 }]
      : [{ at: iso(now - 3000 * minute), capacity_rpm: c }],
    time_zone: "Europe/Berlin",
  };
}

export function capacity(name, slug = "nordlicht") {
  const s = states[name];
  const c = capacityOf(name);
  const unitsNow = s.unitsNow ?? 6;
  const up = s.units > unitsNow;
  const plan = name === "recovery"
    ? [{ at: iso(now), units: 13 }, { at: iso(berlin("14:50")), units: 9 }, { at: iso(berlin("15:35")), units: 6 }]
    : up ? [{ at: iso(now), units: 13 }, { at: iso(berlin("16:30")), units: 9 }, { at: iso(berlin("17:15")), units: 6 }] : [{ at: iso(now), units: unitsNow }];
  return {
    site: slug, now: iso(now), mode: "shadow", units_now: unitsNow, min_units: 6, max_units: 20, rpm_per_unit: c === null ? 0 : perUnit, capacity_rpm: c,
    recommendation: c === null || s.noForecast ? null : {
      id: "rec_1", sequence: 7, units: 6, would_be_units: s.units, serves_rpm: perUnit * s.units, previous_units: 6, min_units: 6, max_units: 20, demand_rpm: 2510, alpha: 0.95, window_minutes: [9, 69],
      reason: up ? "forecast" : "measured", detail: up ? "13 units carry 19 in 20 peaks; 6 carry 8 in 20." : "What runs now carries 19 in 20 peaks.",
      issued_at: iso(now - minute), valid_until: iso(now + 4 * minute), cost_acting: up ? 6.1 : 0, cost_waiting: up ? 540 : 0, plan: plan.map((x) => ({ ...x, serves_rpm: perUnit * x.units })),
    },
    issued_at: iso(now - minute), valid_until: iso(now + 4 * minute), stale: s.stale === true, forecast_id: risk(name).forecast_id,
  };
}

export function surge(name) {
  const s = states[name];
  const steps = [[s.surge, "calm", s.state === "failing" ? "failing" : "watch", 0.1, "Be ready. Decide by 14:30."]];
  if (s.alert) steps.push([s.alert, "watch", "alert", 0.45, "Add 5 units by 14:35."]);
  if (s.state !== "alert" && s.state !== "watch" && s.state !== "failing") steps.push([now - 17 * minute, "alert", s.state, null, s.headline]);
  return {
    id: risk(name).surge.id, subject: "nordlicht", kind: "overload", state: s.state, opened_at: iso(s.surge), alert_at: s.alert ? iso(s.alert) : null,
    peak_at: iso(now), peak: s.level, closed_at: null, simulated: s.simulated === true,
    transitions: steps.map(([at, from, to, probability, headline]) => ({ at: iso(at), issued_at: iso(at), from, to, probability, headline, sentence: "", forecast_id: "" })),
  };
}

const spark = (level) => Array.from({ length: 24 }, (_, i) => Math.round(level * (0.5 + 0.45 * Math.sin((i - 9) / 3.8)) * (1 + 0.15 * noise(i + level))));

// The worklist in the server's order: over capacity, alert, unknown, watch, recovery, calm.
export function worklist(name) {
  const rows = [];
  const row = (slug, title, state, extra) => {
    const s = { ...site(state, slug), name: title };
    const r = risk(state, slug);
    rows.push({
      ...s,
      status: {
        state: r.state, verdict: { ...r.verdict, ...extra?.verdict }, act_by: r.act_by, probability_6h: states[state].noForecast ? null : states[state].percent / 100, at_stake: states[state].noForecast ? null : [0, 40, 720][Math.min(2, Math.ceil(states[state].percent / 20))],
        origin: r.origin, issued_at: r.issued_at, valid_until: r.valid_until, stale: r.stale, surge_id: r.surge ? `srg_${slug}` : null, surge_since: r.surge?.opened_at ?? null,
        units_now: r.units, units_recommended: states[state].units, spark_rpm: spark(states[state].level), ...extra?.status,
      },
    });
  };
  if (name === "empty") return { items: [], now: iso(now) };
  if (name === "simulated") {
    row("nordlicht", "Nordlicht Tickets", "simulated");
    row("kleinod", "Kleinod Shop", "calm");
    rows[1].simulated = true;
    return { items: rows, now: iso(now) };
  }
  row("turmcafe", "Turmcafé Museumsladen", "over");
  row("nordlicht", "Nordlicht Tickets", "alert", { status: { probability_6h: 0.8 } });
  row("hafenmuseum", "Hafenmuseum", "nodata", { status: { spark_rpm: spark(300).map((x, i) => (i > 20 ? null : x)) } });
  row("werft", "Werft Konzerte", "failing");
  row("kleinod", "Kleinod Shop", "watch");
  row("stadtblatt", "Stadtblatt", "recovery");
  row("neu", "Neue Bühne", "learning");
  for (const [i, title] of ["Backhaus", "Blumen am Markt", "Buchladen Süd", "Fahrradhof", "Kletterhalle", "Rösterei Nord", "Schallplattenladen"].entries()) row(`calm-${i}`, title, "calm");
  return { items: rows, now: iso(now) };
}

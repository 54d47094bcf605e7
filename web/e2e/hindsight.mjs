// What the fixture server answers for Plan, Reviews and what the Site page has below its chart: planned
// events that are kept while a test runs, "what if", a ladder, a record, and three surges in hindsight, a
// good one, a missed one and a false alarm. The copy of the reviews is review/words.go's own.

import * as fixtures from "./fixtures.mjs";

const minute = 60_000;
const { now } = fixtures;
const iso = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");
const berlin = (hhmm, day = "2026-09-24") => Date.parse(`${day}T${hhmm}:00+02:00`);

const verdicts = {
  small: ["calm", 5, "small chance", "Nothing to do before 20:20.", "Small chance (5 %) that traffic passes 1,200 requests a minute in the next 6 hours: 1 in 20 situations like this one. Busiest around 19:00, about 640 a minute."],
  waves: ["watch", 10, "small chance", "Be ready. Decide by 15:05.", "Small chance (10 %) of passing 1,200 requests a minute by 20:20: 2 in 20 situations like this one. Nothing to buy yet; make sure someone can be reached."],
  real: ["alert", 35, "real chance", "Add 4 units by 15:05.", "Real chance (35 %) that traffic passes 1,200 requests a minute by 20:20, most likely around 15:40: 7 in 20 situations like this one. 10 units would carry 19 in 20. Acting costs about €4; waiting risks about €180."],
};

function side(kind, extra, start) {
  const [state, percent, word, headline, sentence] = verdicts[kind];
  const f = fixtures.forecast("calm", 1440, 0);
  const points = f.points.map((p) => {
    const since = (Date.parse(p.at) - start) / minute;
    const more = since < 0 ? 0 : extra * Math.exp(-since / 60);
    return { ...p, quantiles_rpm: p.quantiles_rpm.map((q, i) => Math.round(q + more * (0.4 + i / 10))) };
  });
  const p = percent / 100;
  return {
    points, peak_quantiles_rpm: [], risk: [60, 360, 720, 1440].map((m) => ({ horizon_minutes: m, probability: m === 60 ? p / 3 : m === 1440 ? Math.min(1, p * 1.2) : p })),
    time_to_breach: [], act_by: state === "calm" ? null : iso(berlin("15:05")), act_by_reason: "", late_by_seconds: 0, peak_dots_rpm: [], breach_dots_minutes: [],
    units_for_peak: { small: 6, waves: 7, real: 10 }[kind],
    recommendation: { units: 6, would_be_units: { small: 6, waves: 7, real: 10 }[kind], serves_rpm: null, previous_units: 6, min_units: 6, max_units: 20, demand_rpm: 900, alpha: 0.95, reason: "", detail: "", valid_until: null, cost_acting: 0, cost_waiting: 0, plan: [] },
    verdict: { state, headline, sentence, word, shown_percent: `${percent} %`, shown_value: percent, overview: "", visitors: "", caveats: kind === "small" ? [] : ["Planned: Newsletter 15:30."], horizon_minutes: 360, simulated: false },
  };
}

const refuse = (status, field, detail, remedy, code = "invalid_value") => ({ status, body: { title: "Unprocessable Entity", status, code, field, detail, remedy, reference: "ref-9" } });

function wrong(e, field, ahead) {
  const start = Date.parse(e.starts_at);
  if (!(start > now)) return refuse(422, field("starts_at"), "is past", "Pick a later time: what has happened is in the traffic already.");
  if (ahead && start > now + 1440 * minute) return refuse(422, field("starts_at"), "is more than 24 hours ahead", "Forecasts reach 24 hours. Plan it with POST /v1/events: it is judged as it comes nearer.");
  return null;
}

export const events = [
  { id: "evt_push", site: "nordlicht", kind: "push", name: "Push to members", starts_at: iso(berlin("14:50")), ends_at: null, expected_reach: 4000, announced_at: iso(now - 600 * minute), created_at: iso(now - 600 * minute), updated_at: iso(now - 600 * minute) },
  { id: "evt_sale", site: "nordlicht", kind: "on_sale", name: "Autumn tour on sale", starts_at: iso(berlin("10:00", "2026-09-26")), ends_at: null, expected_reach: 60000, announced_at: iso(now - 600 * minute), created_at: iso(now - 600 * minute), updated_at: iso(now - 600 * minute) },
];

export function ladder(state) {
  const needed = fixtures.states[state]?.state === "alert";
  const rung = (position, kind, name, lead, sheds, adds, instructions, status, probability, actBy, late = 0) => ({
    kind, name, lead_time_seconds: lead, sheds_share: sheds, adds_rpm: adds, instructions, position, status, probability, capacity_rpm: 1500, act_by: actBy ? iso(actBy) : null, late_by_seconds: late,
    serves_from: iso(now + lead * 1000), unwind_at: status === "not_needed" ? null : iso(berlin("17:15")),
  }); // prettier-ignore
  return {
    site: "nordlicht", now: iso(now), is_ready_made: true, stale: false, choices: [],
    rungs: [
      rung(1, "cache_rules", "Cache rules", 60, 0.2, 0, "Raise the cache time of pages that are the same for everybody to a minute.", needed ? "by_then" : "not_needed", needed ? 0.6 : 0.01, needed ? berlin("14:49") : null),
      rung(2, "units", "More units", 540, 0, 1400, "Raise the floor of the autoscaler to the recommended units.", needed ? "by_then" : "not_needed", needed ? 0.45 : 0.01, needed ? berlin("14:41") : null),
      rung(3, "load_balancer", "Load-balancer reservation", 3600, 0, 0, "Reserve load-balancer capacity for the expected peak.", needed ? "late" : "not_needed", needed ? 0.05 : 0, needed ? berlin("13:50") : null, needed ? 1800 : 0),
      rung(4, "people", "People on call", 1800, 0, 0, "Call whoever can decide and whoever can switch.", "not_needed", 0.01, null),
    ],
  };
}

// Three surges: warned and carried, missed, and a false alarm.
const surgeRow = (id, opened, closed, alert, peak, peakAt, state) => ({
  id, subject: "nordlicht", segment: "total", kind: "overload", state, opened_at: iso(opened), alert_at: alert ? iso(alert) : null, peak_at: iso(peakAt), peak, closed_at: closed ? iso(closed) : null, simulated: false,
}); // prettier-ignore

export const surges = {
  good: surgeRow("srg_good", berlin("09:12", "2026-09-20"), berlin("12:15", "2026-09-20"), berlin("09:32", "2026-09-20"), 1870, berlin("10:09", "2026-09-20"), "calm"),
  missed: surgeRow("srg_missed", berlin("18:03", "2026-09-18"), berlin("19:10", "2026-09-18"), null, 1640, berlin("18:20", "2026-09-18"), "calm"),
  false: surgeRow("srg_false", berlin("13:00", "2026-09-15"), berlin("15:00", "2026-09-15"), berlin("13:10", "2026-09-15"), 1050, berlin("13:40", "2026-09-15"), "calm"),
  open: surgeRow("srg_open", berlin("13:52"), null, berlin("14:12"), 820, berlin("14:19"), "alert"),
};

const told = {
  good: ["Warned 37 minutes before traffic passed 1,200 a minute.", ["Traffic was over capacity for 47 minutes, from 20 Sep 10:09 to 10:56; the highest was 1,900 a minute at 10:30.", "With the units we asked for: 0 minutes over, about 7.6 EUR for units and lost requests; as configured, about 410 EUR; with the cheapest simple rule (reactive), about 370 EUR.", "When we said 40–60 % within an hour, it happened on 9 of 20 occasions."]],
  missed: ["We did not warn. Traffic passed 1,200 a minute at 18:06; our chance then was 4 %.", ["Traffic was over capacity for 40 minutes, from 18 Sep 18:06 to 18:46; the highest was 1,600 a minute at 18:20."]],
  false: ["We warned, it did not come. Peak 1,050 a minute.", ["1 alert: 0 came true in the time named, 1 did not.", "When we said 40–60 % within an hour, it happened on 9 of 20 occasions."]],
  open: ["Nothing passed capacity yet.", ["1 alert: 0 came true in the time named, 0 did not, of 1 the time was not over."]],
};

export function review(kind, simulated = false) {
  const s = { ...surges[kind], simulated };
  const opened = Date.parse(s.opened_at);
  const end = s.closed_at ? Date.parse(s.closed_at) + 30 * minute : now;
  const from = opened - 30 * minute;
  const peakAt = Date.parse(s.peak_at);
  const came = [];
  for (let t = from; t < end; t += minute) {
    const x = (t - peakAt) / minute;
    const y = 420 + (s.peak - 420) * Math.exp(-((x / (x < 0 ? 26 : 48)) ** 2)) * (1 + 0.05 * Math.sin(t / minute));
    const hole = kind === "good" && t >= opened + 130 * minute && t < opened + 144 * minute;
    came.push({ at: iso(t), requests_rpm: hole ? null : Math.round(Math.min(s.peak, y)), saturated: kind === "missed" && y > 1200 });
  }
  const said = [];
  for (let t = opened - 20 * minute; t <= Math.min(end, now) - minute; t += 4 * minute) {
    const k = said.length;
    said.push({ forecast_id: `fct_${k}`, origin: iso(t - minute), issued_at: iso(t), state: k < 5 ? "calm" : k < 10 ? "watch" : "alert", probability: Math.min(0.9, 0.02 + 0.05 * k), horizon_minutes: 60, headline: k < 5 ? "Nothing to do before 15:00." : "Add 5 units by 09:58." });
  }
  const [headline, sentences] = told[kind];
  const rule = (name, warning, over, lost, hours, cost) => ({ rule: name, warning_minutes: warning, minutes_over: over, lost_requests: lost, unit_hours: hours, peak_units: 13, cost });
  return {
    surge: s, site: "nordlicht", name: "Nordlicht Tickets", time_zone: "Europe/Berlin", simulated, now: iso(now), from: iso(from), to: iso(end), open: !s.closed_at,
    headline, sentences: [...sentences, ...(simulated ? ["This site and its traffic are simulated."] : [])],
    notes: ["What a rule would have done is estimated by replay with the same traffic; visitors who leave change traffic.", "Reactive: above 70 % use, units for 1.5 × the highest of the last 15 minutes."],
    capacity_rpm: 1200, currency: "EUR", came, said,
    transitions: [
      { at: iso(opened), issued_at: iso(opened + minute), from: "calm", to: "watch", probability: 0.1, headline: "Be ready. Decide by 09:50.", sentence: "Small chance (10 %) of passing 1,200 requests a minute by 15:12: 2 in 20 situations like this one.", forecast_id: "fct_5" },
      ...(s.alert_at ? [{ at: s.alert_at, issued_at: s.alert_at, from: "watch", to: "alert", probability: 0.45, headline: "Add 5 units by 09:58.", sentence: "About even chance (45 %) that traffic passes 1,200 requests a minute by 10:32.", forecast_id: "fct_10" }] : []),
    ],
    rules: kind === "good"
      ? [rule("this service", 37, 0, 0, 15.2, 7.6), rule("reactive", 0, 34, 18200, 10.1, 369), rule("last day", null, 47, 24100, 12, 488), rule("=static 99.9 %", null, 47, 24100, 12, 488)]
      : [rule("this service", kind === "missed" ? 0 : null, kind === "missed" ? 21 : 0, kind === "missed" ? 5230 : 0, 11, null), rule("reactive", null, 24, 6100, 9.8, null)],
    missing_minutes: kind === "good" ? 14 : 0,
    receipt: { model_versions: ["2026.9"], seal_versions: [2], first_id: "fct_0", last_id: `fct_${said.length - 1}`, last_hash: "9cdf22c49d67c83db2e159548c91817a1f8c1ca5f709e426754ba76d71c3a054", broken: 0 },
  };
}

const record = {
  horizons: [60, 360].map((m) => ({ horizon_minutes: m, rows: [
    { from: 0.4, to: 0.6, mean_probability: 0.5, occasions: 15, happened: 9, sentence: `When we said 40–60 % within ${m / 60} h, it happened 9 of 15 times.` },
    { from: 0.6, to: 0.8, mean_probability: 0.7, occasions: 4, happened: 3, sentence: `When we said 60–80 % within ${m / 60} h, it happened 3 of 4 times.` },
  ] })),
}; // prettier-ignore

const accuracy = { forecasts: 280, missing_minutes: 14, leads: [5, 60].map((m) => ({ lead_minutes: m, n: 280, vs_yesterday: 0.42, vs_last: 0.9, coverage_50: 0.51, coverage_80: 0.79, coverage_95: 0.94 })) };

const admission = (q) => ({
  stale: false, capacity_rpm: 1200, admit_rpm: 1080, expected_rpm_q95: 890, requests_per_visitor: Number(q.get("requests_per_visitor")), visit_minutes: 5, new_visitors_per_minute: Math.floor(1080 / Number(q.get("requests_per_visitor"))), active_visitors: 540,
  campaign: { recipients_per_minute: 950, requests_per_recipient: 0.2, window_minutes: 120 }, cloudflare_waiting_room_event: { name: "surgecast-nordlicht", total_active_users: 540 },
}); // prettier-ignore

const decisions = { items: [
  { at: iso(now - 3 * minute), caller: "keda (k1)", units: 6, stale: false, status_code: 200, reason: "forecast", forecast_id: "fct_1" },
  { at: iso(now - 40 * minute), caller: "keda (k1)", units: null, stale: true, status_code: 503, reason: "expired", forecast_id: "" },
] }; // prettier-ignore

// hindsight takes the requests it knows and reports that it did.
// What the server would send to a host (risk.SayNote), and the smallest picture there is in place of a card.
export const note = "About Nordlicht Tickets: Add 7 units by 14:41.\nNow 907 requests a minute (15.1 a second); 6 units serve 1,200 (20 a second).\nPlease have 13 units serving by 14:50 (to be ordered by 14:41).";
export const picture = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

export function hindsight(options) {
  const kept = structuredClone(options.events ?? events);
  let made = 0;
  return {
    kept,
    handle(req, res, url, served, policy) {
      const send = (status, body, type = status < 400 ? "application/json" : "application/problem+json") => {
        res.writeHead(status, { "Content-Type": type, "Content-Security-Policy": policy });
        res.end(body === null ? undefined : typeof body === "string" ? body : JSON.stringify(body));
      };
      const withBody = (f) => {
        let text = "";
        req.on("data", (d) => (text += d));
        req.on("end", () => {
          const a = f(text ? JSON.parse(text) : {});
          send(a.status, a.body);
        });
        return true;
      };
      const done = (status, body, type) => (send(status, body, type), true);
      const path = url.pathname;
      if (path === "/v1/events" && req.method === "GET") {
        const [from, to] = [url.searchParams.get("from"), url.searchParams.get("to")].map((s) => Date.parse(s ?? ""));
        return done(200, { items: kept.filter((e) => !(Date.parse(e.starts_at) < from) && !(Date.parse(e.starts_at) >= to)) });
      }
      if (path === "/v1/events") {
        return withBody((b) => {
          const no = wrong(b, (f) => f, false);
          if (no) return no;
          const e = { ...b, id: `evt_new${++made}`, announced_at: iso(now) };
          kept.push(e);
          return { status: 201, body: e };
        });
      }
      const one = /^\/v1\/events\/(.+)$/.exec(path);
      if (one) {
        const i = kept.findIndex((e) => e.id === one[1]);
        if (i < 0) return done(404, { title: "Not found", detail: "there is no such event" });
        if (req.method === "DELETE") {
          kept.splice(i, 1);
          return done(204, null);
        }
        return withBody((b) => wrong(b, (f) => f, false) ?? { status: 200, body: Object.assign(kept[i], b) });
      }
      if (path === "/v1/surges") {
        const site = url.searchParams.get("site");
        const all = (options.surges ?? ["open", "good", "missed", "false"]).filter((k) => site === null || surges[k].subject === site);
        return done(200, { items: all.map((k) => ({ ...surges[k], simulated: served.state === "simulated" })) });
      }
      const r = /^\/v1\/surges\/srg_(\w+)\/review$/.exec(path);
      if (r) {
        if (!Object.hasOwn(surges, r[1])) return done(404, { title: "Not found", detail: `there is no surge srg_${r[1]}`, remedy: "Look in the list.", reference: "ref-3" });
        return done(200, review(r[1], served.state === "simulated"));
      }
      const m = /^\/v1\/sites\/[a-z0-9-]+\/([a-z-]+)$/.exec(path);
      if (!m) return false;
      const as = url.searchParams.get("as_of");
      if (m[1] === "forecast" && as) {
        const shift = Date.parse(as) - now;
        const f = fixtures.forecast("alert", Number(url.searchParams.get("horizon")), 0);
        const moved = (s) => iso(Date.parse(s) + shift);
        return done(200, { ...f, now: as, origin: moved(f.origin), issued_at: as, points: f.points.map((p) => ({ ...p, at: moved(p.at) })) });
      }
      switch (m[1]) {
        case "what-if":
          if (options.whatIf) return done(options.whatIf.status, options.whatIf.body);
          return withBody((b) => {
            for (const [i, e] of b.events.entries()) {
              const no = wrong(e, (f) => `events[${i}].${f}`, true);
              if (no) return no;
            }
            const start = Date.parse(b.events[0].starts_at);
            const people = b.events.reduce((s, e) => s + (e.expected_reach ?? 0), 0);
            const kind = b.events.length > 1 ? "waves" : "real";
            const size = (e) => e.expected_reach > 0
              ? { visits: e.expected_reach * 0.02, visits_low: e.expected_reach * 0.006, visits_high: e.expected_reach * 0.063, basis: `An estimate from ${people} people told and what is usual; it could be off by 3 times until such an event was seen here.` }
              : { visits: null, visits_low: null, visits_high: null, basis: "Nobody said how many people are told: as large as such events usually are here." };
            served.whatIf = b;
            return { status: 200, body: {
              site: "nordlicht", name: "Nordlicht Tickets", simulated: served.state === "simulated", time_zone: "Europe/Berlin", now: iso(now), origin: iso(now - minute), levels: fixtures.levels, capacity_rpm: 1200, units_now: 6, planned: [],
              asked: b.events.map(size), without: side("small", 0, start), with: side(kind, kind === "real" ? 500 : 250, start),
            } }; // prettier-ignore
          });
        case "ladder":
          return done(200, ladder(served.state));
        case "admission":
          return done(200, admission(url.searchParams));
        case "record":
          return done(200, record);
        case "accuracy":
          return done(200, accuracy);
        case "decisions":
          return done(200, decisions);
        case "share":
          return withBody(() => ({ status: 200, body: { path: "/s/abc123", note, until: iso(now + 1440 * minute) } }));
        case "schedule":
          if (options.noSchedule) return done(503, { title: "Service Unavailable", detail: "there is no forecast of nordlicht yet", remedy: "Send its traffic; the first forecast follows within a minute." });
          return url.searchParams.get("format") === "ics" ? done(200, "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "text/calendar") : done(200, { site: "nordlicht", autoscaling: [] });
      }
      return false;
    },
  };
}

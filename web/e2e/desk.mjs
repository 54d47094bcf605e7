// What the fixture server answers for Check, Topics, Setup and marks. It keeps what pages write, for the one
// test it serves, so that a page that saves something sees it again.

import * as fixtures from "./fixtures.mjs";

const iso = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");
const minute = 60_000;
const berlin = (hhmm) => Date.parse(`2026-09-24T${hhmm}:00+02:00`);
const { now } = fixtures;

const about = (headline, sentence, o = {}) => ({
  site: "nordlicht", name: "Nordlicht Tickets", now: iso(now), word: "gift", state: "calm", headline, sentence, caveats: [], basis: "counted", topic: "nordlicht-tour", linked: true,
  mentions_per_minute: 38, usual_mentions_per_minute: 5.5, times_usual: 6, doubling_minutes: 9.2, until: iso(now + 360 * minute), extra_requests: { low: 1840, median: 3040, high: 5410 },
  probability: 0.05, capacity_rpm: 1200, simulated: false, time_zone: "Europe/Berlin",
  counted: [{ source: "bluesky", since: iso(now - 34 * minute), through: iso(now), summed: true }, { source: "hackernews", since: iso(now - 30 * 60 * minute), through: iso(now), summed: false }, { source: "x", since: iso(now - 9 * 1440 * minute), through: iso(berlin("13:55")), summed: false }],
  ...o,
}); // prettier-ignore

// The copy is risk.SayCheck's own (its tests hold the same lines), one answer for each word and limit.
export const answers = {
  gift: about("Gift. There is room for these visits.", "Talk is 6 times the usual and doubling every 9 minutes. Expect about 3,000 extra requests by 20:20 (1,800–5,500 in 16 of 20 such cases). Small chance (5 %) that traffic passes 1,200 requests a minute by 20:20."),
  both: about("A gift until 1,200 a minute, then a threat.", "Talk is 6 times the usual and doubling every 9 minutes. Expect about 3,000 extra requests by 20:20 (1,800–5,500 in 16 of 20 such cases). Real chance (35 %) that traffic passes 1,200 requests a minute by 20:20.", { word: "both", state: "watch", probability: 0.35 }),
  threat: about("Threat. Send nothing more before 20:20.", "Talk is 6 times the usual and doubling every 9 minutes. Expect about 3,000 extra requests by 20:20 (1,800–5,500 in 16 of 20 such cases). Likely (70 %) that traffic passes 1,200 requests a minute by 20:20.", { word: "threat", state: "alert", probability: 0.7 }),
  small: about("Not noticeable.", "Talk is as usual: about 2 mentions a minute. Very small chance (1 %) that traffic passes 1,200 requests a minute by 20:20.", { word: "not_noticeable", mentions_per_minute: 2.2, usual_mentions_per_minute: 2, times_usual: 1.1, doubling_minutes: null, probability: 0.01, linked: false, caveats: ["How many visits a mention brings is a guess from similar sites: link the topic to the site, and its own traffic will tell."] }),
  unlinked: about("Cannot tell yet: not linked to this site.", "Talk is 6 times the usual and doubling every 9 minutes. No visit here was traced to it yet. If a mention brought what it does on similar sites: likely (75 %) that traffic passes 1,200 requests a minute by 20:20; without it, almost no chance (under 1 %).", { word: "cannot_tell", linked: false, visits_basis: "similar_sites", probability: 0.75, probability_alone: 0.004, caveats: ["How many visits a mention brings is a guess from similar sites: link the topic to the site, and its own traffic will tell."] }),
  unknown: about("Cannot tell yet.", "Nobody counts this topic here, so there is nothing to judge it by. Watch it: the first answer comes about 10 minutes later.", { word: "cannot_tell", basis: "prior", topic: "", linked: false, counted: [], mentions_per_minute: null, usual_mentions_per_minute: null, times_usual: null, doubling_minutes: null, extra_requests: { low: 0, median: 0, high: 0 } }),
  watching: about("Cannot tell yet.", "Counting since 14:20, 0 minutes; first answer at about 14:31.", { word: "cannot_tell", basis: "prior", counted: [], mentions_per_minute: null, usual_mentions_per_minute: null, times_usual: null, doubling_minutes: null }),
  nodata: about("Cannot tell: no numbers since 14:02.", "Talk is 6 times the usual and doubling every 9 minutes. What that does to the site nobody can say without its traffic.", { word: "cannot_tell", state: "cannot_tell", probability: null }),
  old: about("Gift. There is room for these visits.", "Talk is twice the usual. Expect about 900 extra requests by 20:20 (400–2,000 in 16 of 20 such cases). Very small chance (3 %) that traffic passes 1,200 requests a minute by 20:20.", { times_usual: 2.1, probability: 0.03, caveats: ["Answer from 14:13, 7 minutes old.", "Rough: based on similar sites.", "Counted for 34 minutes only: what is usual is a guess."], basis: "recent" }),
  simulated: about("Gift. There is room for these visits.", "Talk is 6 times the usual and doubling every 9 minutes. Expect about 3,000 extra requests by 20:20 (1,800–5,500 in 16 of 20 such cases). Small chance (5 %) that traffic passes 1,200 requests a minute by 20:20. Simulated mentions.", { simulated: true }),
};

function topicOf(slug, o = {}) {
  return { slug, name: "Nordlicht tour", any: ["nordlicht tour", "#nordlichttour"], and: [], not: ["northern lights"], revision: 2, since: iso(berlin("09:30")), simulated: false, created_at: iso(now - 9 * 1440 * minute), updated_at: iso(berlin("09:30")), ...o };
}

// Three feeds: one that rises, one full of copies with a hole, one that is late.
export function mentions(kind, minutes) {
  if (kind === "uncounted") return { topic: "nordlicht-tour", simulated: false, now: iso(now), from: iso(now - minutes * minute), to: iso(now), sources: [], copies_share: null };
  const from = now - minutes * minute;
  const wave = (i) => 1 + Math.abs(Math.sin(i * 12.9898)) * 0.4;
  const feed = (source, level, o) => ({
    source, kind: "posts", step_seconds: 60, simulated: kind === "simulated",
    points: Array.from({ length: minutes }, (_, i) => {
      const at = from + i * minute;
      if (o.until && at >= o.until) return null;
      if (o.hole && at >= o.hole[0] && at < o.hole[1]) return { at: iso(at), raw: null, organic: null, authors: null };
      const organic = Math.round(level * wave(i) * (o.rise ? Math.exp(Math.max(0, i - minutes + 40) / 14) : 1));
      return { at: iso(at), raw: Math.round(organic * o.copies), organic, authors: Math.round(organic * 0.8) };
    }).filter(Boolean),
  });
  const mean = (s, k) => s.points.filter((p) => p.raw !== null).slice(-5).reduce((a, p, _, all) => a + p[k] / all.length, 0);
  const recent = (s) => ({ ...s, recent: { raw: mean(s, "raw"), organic: mean(s, "organic"), authors: mean(s, "authors") } });
  const total = (sources, k) => sources.flatMap((s) => s.points).reduce((a, p) => a + (p[k] ?? 0), 0);
  const told = (m) => ({ ...m, copies_share: 1 - total(m.sources, "organic") / total(m.sources, "raw") });
  return told({
    topic: "nordlicht-tour", simulated: kind === "simulated", now: iso(now), from: iso(from), to: iso(now),
    sources: [
      feed("bluesky", 2.5, { rise: true, copies: kind === "copied" ? 3 : 1.1 }),
      feed("mastodon:example.social", 6, { copies: kind === "copied" ? 2.6 : 1.2, hole: [berlin("13:55"), berlin("14:10")] }),
      feed("hackernews", 1, { copies: 1, until: berlin("14:08") }),
    ].map(recent),
  }); // prettier-ignore
}

const health = (o) => ({
  state: "live", since: iso(now - 600 * minute), sentence: "Counting; 4 seconds behind, no gaps in 24 hours.", lag_seconds: 4, gap_seconds: 0, events_per_second: 38.2, last_event_at: iso(now - 4000), watermark: iso(now - minute),
  spent_usd: null, events: 123456, mentions: 789, duplicates: 12, reconnects: 0, dropped: {}, updated_at: iso(now - 5000), ...o,
});
const sourceOf = (source, h, o = {}) => ({ source, kind: "posts", mode: "increments", step_seconds: 60, simulated: false, health: h, gaps: [], ...o });

const sources = {
  good: [sourceOf("bluesky", health({})), sourceOf("hackernews", health({ sentence: "Counting; 20 seconds behind." }))],
  bad: [
    sourceOf("bluesky", health({})),
    sourceOf("mastodon:example.social", health({ state: "waiting", sentence: "The server answers 502 since 14:02; tries again at 14:21.", warning: "Boosts by bots cannot be told apart since 13:50.", last_error: "answer 502", gap_seconds: 900, lag_seconds: 1080, reconnects: 7, dropped: { language: 4, "own posts": 2 } }), { gaps: [{ from: iso(berlin("13:55")), to: iso(berlin("14:10")), reason: "rate limit" }] }),
    sourceOf("x", health({ spent_usd: 12.345, state: "stopped", sentence: "This month's budget is used up.", lag_seconds: null, events_per_second: null })),
    sourceOf("rss", health({ updated_at: iso(now - 30 * minute) })),
    sourceOf("push:acme", null, { step_seconds: 3600 }),
  ],
}; // prettier-ignore

const deliveryOf = (id, o) => ({
  id, webhook_id: "whk_1", type: "surge.level_changed", sequence: 0, status: "delivered", attempts: 1, created_at: iso(berlin("14:12")), expires_at: null, done_at: iso(berlin("14:12")),
  body: { type: "surge.level_changed", timestamp: iso(berlin("14:12")), data: { headline: "Add 7 units by 14:41." } },
  log: [{ number: 1, at: iso(berlin("14:12")), status_code: 200, error: "", excerpt: "", millis: 240 }], ...o,
});

// desk holds what one server knows of these things.
export function desk(options) {
  const state = {
    answer: options.answer ?? "gift",
    talk: options.talk ?? "usual",
    topics: options.topics === "none" ? [] : [topicOf("nordlicht-tour", { simulated: options.talk === "simulated", talk: { at: iso(now - minute), source: "bluesky", times_usual: 6, doubling_minutes: null, decay: "viral", sentence: "Talk fades slowly: people pass it on." } }), topicOf("kleinod", { name: "Kleinod rings", any: ["kleinod ring"], not: [], revision: 1 })],
    links: new Map([["nordlicht", ["nordlicht-tour"]]]),
    sites: options.sites === "none" ? [] : [{ ...fixtures.site("alert"), slug: "nordlicht" }, { ...fixtures.site("calm"), slug: "kleinod", name: "Kleinod Shop", kind: "shop", time_zone: "Europe/London" }],
    sources: options.sources ?? "good",
    hooks: options.hooks === "some" ? [{ id: "whk_1", url: "https://hooks.example.net/ops", format: "standard", types: ["surge.opened", "surge.level_changed"], sites: [], disabled: false, disabled_at: null, disabled_why: "", old_secret_until: null, created_at: iso(now - 1440 * minute) }] : [],
    deliveries: options.hooks === "some"
      ? [
          deliveryOf("dlv_3", {}),
          deliveryOf("dlv_2", { type: "recommendation.changed", status: "expired", attempts: 3, done_at: iso(berlin("14:11")), log: [1, 2, 3].map((n) => ({ number: n, at: iso(berlin("14:10") + n * 10_000), status_code: n < 3 ? 503 : 0, error: n < 3 ? "" : "connection reset", excerpt: "", millis: 3000 })) }),
          deliveryOf("dlv_1", { type: "surge.opened", status: "failed", attempts: 8 }),
        ]
      : [],
    keys: options.keys === "some" ? [{ id: "key_1", name: "autoscaler", prefix: "sgc_abc123", scopes: ["scale"], sites: ["nordlicht"], created_at: iso(now - 2880 * minute), last_used_at: iso(now - minute) }] : [],
    notice: { shown: false, part: "", words: "", ahead: false, reference: "", since: null, back_from: null, back_by: null, by: "", set_at: null },
    tests: [],
    marks: {}, // by surge: { by, note, muted }
    test: options.test ?? { status_code: 200, error: "", millis: 240 },
    n: 0,
  }; // prettier-ignore
  const problem = (status, code, detail, o = {}) => ({ status, body: { title: "", status, code, detail, remedy: "Read what stands here.", reference: "ref-9", ...o } });
  const ok = (body, status = 200) => ({ status, body });
  const list = (items) => ok({ items, now: iso(now) });

  // answer is what a request gets, null: it is about something else.
  state.reply = (method, path, query, body) => {
    const is = (m, re) => method === m && re.exec(path);
    let m;
    if (is("POST", /^\/v1\/check$/)) {
      if (!state.sites.some((s) => s.slug === body.site)) return problem(404, "not_found", `no site "${body.site}"`, { field: "site" });
      const made = state.topics.find((t) => t.slug === body.text && t.made);
      const a = { ...answers[made ? "watching" : state.answer] };
      const site = state.sites.find((s) => s.slug === body.site);
      if (made) Object.assign(a, { topic: made.slug, linked: (state.links.get(body.site) ?? []).includes(made.slug) });
      return ok({ ...a, site: body.site, name: site.name });
    }
    if (is("GET", /^\/v1\/topics$/)) return list(state.topics);
    if (is("POST", /^\/v1\/topics$/)) {
      if (state.topics.some((t) => t.slug === body.slug)) return problem(409, "already_exists", "the name is taken");
      if ((body.any ?? []).some((t) => t.length > 140)) return problem(422, "invalid_value", "the term is too long", { field: "any", remedy: "Use at most 140 characters." });
      const t = topicOf(body.slug, { name: body.name, any: body.any, not: [], revision: 1, since: iso(now), made: true });
      state.topics.push(t);
      return ok(t, 201);
    }
    if ((m = is("GET", /^\/v1\/topics\/([^/]+)\/mentions$/))) return ok(mentions(state.talk, Number(query.get("minutes"))));
    if ((m = /^\/v1\/topics\/([^/]+)$/.exec(path))) {
      const i = state.topics.findIndex((t) => t.slug === m[1]);
      if (i < 0) return problem(404, "not_found", `no topic "${m[1]}"`, { field: "topic" });
      if (method === "PUT") {
        if (body.any.some((t) => t.length > 140)) return problem(422, "invalid_value", "the term is too long", { field: "any", remedy: "Use at most 140 characters." });
        state.topics[i] = { ...state.topics[i], ...body, revision: state.topics[i].revision + 1, since: iso(now) };
      }
      if (method === "DELETE") {
        state.topics.splice(i, 1);
        return ok(null, 204);
      }
      return ok(state.topics[i]);
    }
    if ((m = /^\/v1\/sites\/([^/]+)\/topics(?:\/([^/]+))?$/.exec(path))) {
      const links = state.links.get(m[1]) ?? [];
      if (method === "GET") return list(links.map((topic) => ({ topic, since: iso(now), weight: 1 })));
      state.links.set(m[1], method === "PUT" ? [...new Set([...links, m[2]])] : links.filter((l) => l !== m[2]));
      return ok(null, 204);
    }
    if (is("GET", /^\/v1\/sites$/) && query.get("sort") !== "risk") return list(state.sites);
    if (is("POST", /^\/v1\/sites$/)) {
      if (state.sites.some((s) => s.slug === body.slug)) return problem(409, "already_exists", "the name is taken", { field: "slug", remedy: "Choose another name." });
      const s = { ...fixtures.site("calm"), ...body, simulated: false, capacity: { ...fixtures.site("calm").capacity, ...body.capacity } };
      state.sites.push(s);
      return ok(s, 201);
    }
    if ((m = /^\/v1\/sites\/([^/]+)$/.exec(path)) && method !== "GET") {
      const i = state.sites.findIndex((s) => s.slug === m[1]);
      if (method === "DELETE") {
        state.sites.splice(i, 1);
        return ok(null, 204);
      }
      if (body.capacity?.max_units && body.capacity.max_units < body.capacity.min_units) return problem(422, "invalid_value", "is below min_units", { field: "capacity.max_units", remedy: "Raise it, or leave it out for no cap." });
      state.sites[i] = { ...state.sites[i], ...body };
      if (body.capacity?.workers_per_unit) state.sites[i].capacity = { ...body.capacity, capacity_rpm: 28582 }; // worked out by the service
      state.put = body;
      return ok(state.sites[i]);
    }
    if (options.desk && (m = is("GET", /^\/v1\/sites\/([^/]+)$/))) return ok(state.sites.find((s) => s.slug === m[1]));
    if ((m = /^\/v1\/sites\/([^/]+)\/load-tests(?:\/([^/]+))?$/.exec(path))) {
      const told = () => ({
        rpm_per_unit: state.tests.length > 0 ? 230 : null, low_rpm: 210, high_rpm: 260, in_use_rpm_per_unit: state.sites[0].capacity.rpm_per_unit, tested_max_units: 10, peak_units: null, levels: [],
        curve: { fitted: true, lambda_rpm: 230, sigma: 0, kappa: 0, points: [{ units: 5, rpm: 1150, low_rpm: 1050, high_rpm: 1300 }, { units: 10, rpm: 2300, low_rpm: 2100, high_rpm: 2600 }, { units: 20, rpm: 4600, low_rpm: 3000, high_rpm: 6000 }] },
        sentences: state.tests.length > 0 ? ["One unit serves about 230 requests a minute (210–260).", "Tested up to 10 units; beyond that we do not guess."] : [],
      }); // prettier-ignore
      if (m[2] === "apply") state.sites[0].capacity.rpm_per_unit = body.rpm_per_unit;
      else if (method === "DELETE") state.tests = state.tests.filter((t) => t.id !== m[2]);
      else if (method === "POST") {
        if (!body.metrics) return problem(422, "invalid_value", "no result of a known tool", { field: "file", remedy: "Send the summary of k6, or a result of vegeta, Locust, JMeter or wrk." });
        state.tests.push({ id: `ldt_${state.tests.length + 1}`, tool: "k6", file: query.get("file"), units: Number(query.get("units")), ran_at: iso(berlin("13:30")), imported_at: iso(now), by: "operator", notes: [], points: [] });
        return ok({ test: state.tests.at(-1), measured: told(), applied: false }, 201);
      }
      return method === "DELETE" ? ok(null, 204) : m[2] ? ok(told()) : ok({ site: m[1], now: iso(now), items: state.tests, measured: told(), changes: [] });
    }
    if (is("GET", /^\/v1\/sources$/)) {
      return ok({ now: iso(now), items: sources[state.sources], traffic: state.sources === "bad" ? [{ site: "nordlicht", kind: "prometheus", state: "waiting", sentence: "Prometheus does not answer since 14:02.", last_minute: iso(berlin("14:01")), error: "connection refused" }] : [] });
    }
    if (is("GET", /^\/v1\/webhooks$/)) return list(state.hooks);
    if (is("POST", /^\/v1\/webhooks$/)) {
      if (!/^https:\/\//.test(body.url)) return problem(422, "invalid_value", "not an address that takes messages", { field: "url", remedy: "Send https:// and a host." });
      const w = { id: `whk_${++state.n + 1}`, disabled: false, disabled_at: null, disabled_why: "", old_secret_until: null, created_at: iso(now), ...body };
      state.hooks.push(w);
      return ok({ ...w, secret: body.format === "slack" ? "" : "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cyBvbmx5IQ==" }, 201);
    }
    if ((m = is("POST", /^\/v1\/webhooks\/([^/]+)\/test$/))) {
      const d = deliveryOf(`dlv_t${++state.n}`, { webhook_id: m[1], type: "test", status: "pending", attempts: 0, done_at: null, created_at: iso(now), log: [] });
      state.deliveries.unshift(d);
      setTimeout(() => Object.assign(d, { attempts: 1, status: state.test.status_code === 200 ? "delivered" : "pending", done_at: iso(now), log: [{ number: 1, at: iso(now), excerpt: "", ...state.test }] }), 300);
      return ok(d, 202);
    }
    if ((m = is("POST", /^\/v1\/webhooks\/([^/]+)\/rotate$/))) {
      const w = state.hooks.find((x) => x.id === m[1]);
      w.old_secret_until = iso(now + 1440 * minute);
      return ok({ ...w, secret: "whsec_YW5vdGhlciBzZWNyZXQgb2YgdGhlIHRlc3Rz" });
    }
    if ((m = is("GET", /^\/v1\/webhooks\/([^/]+)\/deliveries$/))) return list(state.deliveries.filter((d) => d.webhook_id === m[1]).slice(0, Number(query.get("limit"))));
    if ((m = is("GET", /^\/v1\/deliveries\/([^/]+)$/))) return ok(state.deliveries.find((d) => d.id === m[1]));
    if ((m = is("POST", /^\/v1\/deliveries\/([^/]+)\/retry$/))) {
      const d = state.deliveries.find((x) => x.id === m[1]);
      setTimeout(() => {
        d.attempts++;
        d.status = "delivered";
        d.log = [...d.log, { number: d.log.length + 1, at: iso(now), status_code: 200, error: "", excerpt: "", millis: 90 }];
      }, 200);
      return ok(null, 202);
    }
    if ((m = /^\/v1\/webhooks\/([^/]+)$/.exec(path))) {
      const i = state.hooks.findIndex((w) => w.id === m[1]);
      if (method === "PUT") state.hooks[i] = { ...state.hooks[i], ...body };
      if (method === "DELETE") state.hooks.splice(i, 1);
      return method === "DELETE" ? ok(null, 204) : ok(state.hooks[i]);
    }
    if (is("GET", /^\/v1\/keys$/)) return list(state.keys);
    if (is("POST", /^\/v1\/keys$/)) {
      const k = { id: `key_${++state.n + 1}`, prefix: "sgc_new456", created_at: iso(now), last_used_at: null, ...body };
      state.keys.push(k);
      return ok({ ...k, key: "sgc_of-the-tests-only" }, 201);
    }
    if ((m = is("DELETE", /^\/v1\/keys\/([^/]+)$/))) {
      state.keys = state.keys.filter((k) => k.id !== m[1]);
      return ok(null, 204);
    }
    if (is("GET", /^\/v1\/sites\/[^/]+\/notice$/)) return ok(state.notice);
    if (is("PUT", /^\/v1\/status\//)) {
      state.notice = { ...body, reference: body.reference || "NT-4711", set_at: iso(now) };
      return ok(state.notice);
    }
    if (is("GET", /^\/v1\/status\//)) return ok({ word: "Very busy", sentence: "Pages may be slow. Most likely normal again by 16:40.", words: state.notice.words, part: state.notice.part, reference: state.notice.reference });
    if ((m = /^\/v1\/surges\/([^/]+)\/(ack|mute)$/.exec(path))) {
      const mark = (state.marks[m[1]] ??= {});
      if (state.over) return problem(409, "conflict", "this surge is over", { remedy: "Only a note can still be written." });
      if (m[2] === "ack") Object.assign(mark, method === "DELETE" ? { by: "", note: "" } : { by: body.by || "operator", note: body.note ?? "" });
      else mark.muted = method === "DELETE" ? null : iso(Math.min(now + (body.minutes ?? 120) * minute, berlin("14:41")));
      return ok({ kind: m[2], by: mark.by ?? "", note: mark.note ?? "", until: mark.muted ?? null, at: iso(now) });
    }
    return null;
  };

  // marked puts what people said into the worklist, or into the risk of a site, as the API does.
  state.marked = (doc) => {
    const own = state.marks[doc.surge?.id];
    if (own) Object.assign(doc.surge, { taken_by: own.by ?? "", taken_note: own.note ?? "", muted_until: own.muted ?? null });
    for (const s of doc.items ?? []) {
      const mark = state.marks[s.status?.surge_id];
      if (mark?.by) Object.assign(s.status, { taken_by: mark.by, taken_note: mark.note });
      if (mark?.muted) s.status.muted_until = mark.muted;
    }
    return doc;
  };
  return state;
}

// A site from nothing to a recommendation, with types generated from the specification. Run:
//   npm ci && npm run generate && npm run build && SURGECAST_URL=http://localhost:8080 SURGECAST_KEY=sgc_… npm start
import createClient from "openapi-fetch";
import type { components, paths } from "./surgecast.js";

const baseUrl = process.env["SURGECAST_URL"] ?? "http://localhost:8080";
const key = process.env["SURGECAST_KEY"];
const api = createClient<paths>({ baseUrl, headers: key ? { Authorization: `Bearer ${key}` } : {} });

type Problem = components["schemas"]["Problem"];

// must gives the document, or ends with what the service says is wrong and what to do.
async function must<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (error !== undefined || !response.ok) {
    const p = error as Problem;
    throw new Error(`${response.url}: ${p.status} ${p.code}: ${p.detail} ${p.remedy ?? ""} (reference ${p.reference})`);
  }
  return data as T;
}

const slug = "ts-shop";
const minute = 60_000;
const now = Math.floor(Date.now() / minute) * minute;
const at = (ms: number) => new Date(ms).toISOString().replace(".000Z", "Z");

const site = await must(api.POST("/v1/sites", {
  params: { header: { "Idempotency-Key": "example-ts-site" } },
  body: { slug, name: "A shop", mode: "act", capacity: { units: 6, min_units: 2, rpm_per_unit: 300 } },
}));
const rows: components["schemas"]["TrafficRow"][] = [];
for (let i = 180; i > 0; i--) rows.push({ minute: at(now - i * minute), requests: 600 + 50 * Math.sin(i) });
const pushed = await must(api.POST("/v1/sites/{site}/traffic", { params: { path: { site: slug } }, body: rows }));
const event = await must(api.POST("/v1/events", { body: { site: slug, kind: "newsletter", starts_at: at(now + 180 * minute), expected_reach: 20_000 } }));

// The engine looks once a minute; until then there is no forecast, and the service says so.
const path = { params: { path: { site: slug } } };
for (let tries = 0; ; tries++) {
  const { data, error } = await api.GET("/v1/sites/{site}/scale", path);
  if (data) break;
  if (error?.code !== "no_forecast" || tries > 240) throw new Error(JSON.stringify(error));
  await new Promise((done) => setTimeout(done, 1000));
}
const forecast = await must(api.GET("/v1/sites/{site}/forecast", { params: { path: { site: slug }, query: { horizon: 60 } } }));
const risk = await must(api.GET("/v1/sites/{site}/risk", path));
const scale = await must(api.GET("/v1/sites/{site}/scale", path));
if (typeof scale === "string") throw new Error("asked for JSON, got text");
const events = await must(api.GET("/v1/events", { params: { query: { site: slug } } }));
const missing = await api.GET("/v1/sites/{site}", { params: { path: { site: "nobody" } } });

console.log(JSON.stringify({
  site: site.slug, accepted: pushed.accepted, event: event.id, points: forecast.points?.length ?? 0,
  capacity_rpm: risk.capacity_rpm, surge: risk.surge, headline: risk.verdict.headline,
  units: scale.units, stale: scale.stale, events: events.items?.map((e) => e.id) ?? [], missing: missing.error?.code,
}));

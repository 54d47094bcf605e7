// A server of page states for the browser tests: the built dashboard, documents from fixtures.mjs, a
// clock that stands still unless a test moves it, and the real content security policy.

import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { patience } from "./browser.mjs";
import { desk } from "./desk.mjs";
import * as fixtures from "./fixtures.mjs";
import { hindsight, picture } from "./hindsight.mjs";

const dist = process.env.SURGECAST_DIST ?? join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
// The three policies of api: a page that needs more than they allow fails here.
const end = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const policy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; ${end}`;
const drawnPolicy = `default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; ${end}`;
const docsPolicy = `default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; ${end}`;

export async function serve(state, options = {}) {
  const streams = new Set();
  const asked = [];
  let id = 0;
  const served = { state, list: options.list ?? state, key: options.key ?? null, edit: null, down: false, desk: options.desk ? desk(options) : null };
  const send = (res, name, data) => res.write(`id: ${++id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  const clock = { now: new Date(fixtures.now).toISOString(), speed: options.speed ?? 0.000001 };

  const back = hindsight(options);
  // What matches, as "GET /v1/sites?limit=500", waits to be let go: so a test has an answer come late.
  let hold = null;
  const holding = (re) => {
    const h = { re, held: 0 };
    h.until = new Promise((done) => (h.release = done));
    return (hold = h);
  };
  const server = createServer((req, res) => {
    if (!hold?.re.test(`${req.method} ${req.url}`)) return handle(req, res);
    const h = hold;
    h.held++;
    h.until.then(() => handle(req, res));
  });
  const handle = (req, res) => {
    const url = new URL(req.url, "http://local");
    asked.push(url.pathname);
    const json = (status, body) => {
      res.writeHead(status, { "Content-Type": status < 400 ? "application/json" : "application/problem+json", "Content-Security-Policy": policy });
      res.end(JSON.stringify(body));
    };
    const answer = (name, body) => json(200, served.edit ? served.edit(name, structuredClone(body)) : body);
    if (served.down && url.pathname.startsWith("/v1/")) return json(503, { title: "Starting", detail: "The engine is starting.", reference: "ref-1" });
    if (url.pathname === "/v1/session" && req.method === "POST") {
      let body = "";
      req.on("data", (d) => (body += d));
      req.on("end", () => {
        if (JSON.parse(body).key !== served.key) return json(401, { title: "Unknown key" });
        res.writeHead(204, { "Set-Cookie": "surgecast_session=1; HttpOnly; SameSite=Strict; Path=/" });
        res.end();
      });
      return;
    }
    if (served.key && url.pathname.startsWith("/v1/") && !(req.headers.cookie ?? "").includes("surgecast_session=1")) return json(401, { title: "A key is needed" });
    if (url.pathname === "/v1/live") {
      res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
      streams.add(res);
      req.on("close", () => streams.delete(res));
      send(res, "clock", clock);
      return;
    }
    if (served.desk && url.pathname.startsWith("/v1/")) {
      const reply = (body) => {
        const r = served.desk.reply(req.method, url.pathname, url.searchParams, body);
        if (r) json(r.status, r.body);
        return r !== null;
      };
      if (req.method !== "GET") {
        let body = "";
        req.on("data", (d) => (body += d));
        req.on("end", () => reply(body === "" ? {} : JSON.parse(body)) || json(404, { title: "Not found" }));
        return;
      }
      if (reply()) return;
    }
    if (back.handle(req, res, url, served, policy)) return;
    if (url.pathname === "/v1/sites") return answer("sites", served.desk ? served.desk.marked(fixtures.worklist(served.list)) : fixtures.worklist(served.list));
    const m = /^\/v1\/sites\/([a-z0-9-]+)(?:\/(risk|forecast|capacity))?$/.exec(url.pathname);
    if (m) {
      if (m[1] === "nowhere") return json(404, { title: "Not found", detail: "There is no site nowhere.", reference: "ref-2" });
      const n = (k) => Number(url.searchParams.get(k) ?? 60);
      if (!m[2]) return answer("site", fixtures.site(served.state));
      if (m[2] === "forecast") return answer("forecast", fixtures.forecast(served.state, n("horizon"), n("history")));
      const body = fixtures[m[2]](served.state);
      return answer(m[2], served.desk ? served.desk.marked(body) : body);
    }
    if (url.pathname.startsWith("/v1/surges/")) return answer("surge", fixtures.surge(served.state));
    if (url.pathname === "/openapi.json") return json(200, { openapi: "3.1.0", info: { title: "Surgecast", version: "0" }, paths: { "/v1/sites": { get: { summary: "Sites", responses: { 200: { description: "ok" } } } } } });
    if (url.pathname === "/s/abc123/card.png") {
      res.writeHead(200, { "Content-Type": "image/png" });
      return res.end(picture);
    }
    if (url.pathname === "/drawn") {
      res.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": drawnPolicy });
      return res.end(options.drawn);
    }
    let file = normalize(url.pathname);
    if (file === "/" || /^\/(sites|check|topics|plan|reviews|setup)(\/|$)/.test(file)) file = "/index.html";
    if (file === "/docs") file = "/docs/index.html";
    const path = join(dist, file);
    if (!existsSync(path) || !extname(path)) return json(404, { title: "Not found" });
    const docs = file.startsWith("/docs/");
    res.writeHead(200, { "Content-Type": types[extname(path)] ?? "application/octet-stream", "Content-Security-Policy": docs ? docsPolicy : policy });
    res.end(readFileSync(path));
  };
  const until = async (what, is) => {
    for (let i = 0; !is(); i++) {
      if (i > patience / 10) throw new Error(`still not: ${what}`);
      await new Promise((done) => setTimeout(done, 10));
    }
  };
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    asked,
    served,
    // A page opens its stream once it is ready: what is said before that nobody hears.
    emit: async (name, data) => {
      await until("a page that listens", () => streams.size > 0);
      streams.forEach((s) => send(s, name, data));
    },
    listeners: (n) => until(`${n} streams`, () => streams.size === n),
    hold: holding,
    held: (n = 1) => until(`${n} requests held`, () => hold?.held >= n),
    release: () => {
      hold?.release();
      hold = null;
    },
    close: () => {
      hold = null;
      streams.forEach((s) => s.end());
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}

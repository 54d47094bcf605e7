import { del, get, post, put } from "./api";
import { h, patch } from "./element";
import { act, deletion, Form, secret, type Values } from "./setupform";
import type { Setting, Tab } from "./setuppage";
import { instant, timeElement } from "./zone";

interface Hook {
  id: string;
  url: string;
  format?: string;
  disabled_why?: string;
  old_secret_until?: string | null;
  types: string[] | null;
  sites: string[] | null;
  disabled: boolean;
  disabled_at: string | null;
  created_at: string;
}

interface Delivery {
  id: string;
  type: string;
  status: string;
  attempts: number;
  created_at: string;
  expires_at: string | null;
  done_at: string | null;
  body: unknown;
  log?: Attempt[] | null; // every attempt, oldest first
}

interface Attempt {
  number: number;
  at: string;
  status_code: number; // 0: no answer
  error: string;
  excerpt?: string;
  millis: number;
}

const formats: [string, string][] = [
  ["standard", "Standard Webhooks: signed JSON"],
  ["cloudevents", "CloudEvents: the same, as application/cloudevents+json"],
  ["slack", "Slack: a message in a channel"],
  ["pagerduty", "PagerDuty: an incident"],
  ["alertmanager", "Alertmanager: an alert"],
];

const types: [string, string][] = [
  ["surge.opened", "A surge is seen coming"],
  ["surge.level_changed", "Its state changes: watch, alert, over capacity, recovery"],
  ["surge.acknowledged", "Someone has it"],
  ["surge.closed", "It is over"],
  ["recommendation.changed", "Other units are recommended"],
  ["source.gap", "A feed lost something"],
  ["forecast.stale", "Forecasts are late"],
  ["forecast.resumed", "Forecasts are on time again"],
  ["webhook.disabled", "An endpoint was switched off"],
];

const patience = 20_000; // how long the result of a test is waited for

// HooksTab: who is told, whether it arrives, and what was sent.
export class HooksTab implements Tab {
  readonly element = h("div", { class: "parts" });
  private readonly none = h("p", { class: "card" }, "Nobody is told yet. Add an endpoint, and send it a test.");
  private readonly list = h("div", { class: "parts" });
  private readonly made = h("div", { role: "status" });
  private readonly card = h("section", { class: "card", "aria-labelledby": "addhook-h" });
  private readonly shown = new Map<string, HookCard>();
  private add: Form | null = null;
  private setting: Setting | null = null;

  constructor() {
    this.element.append(this.none, this.list, this.made, this.card);
  }

  async load(s: Setting): Promise<void> {
    this.setting = s;
    const hooks = (await get<{ items: Hook[] | null }>("/v1/webhooks?limit=200")).items ?? [];
    if (!this.add) this.addForm(s);
    this.none.hidden = hooks.length > 0;
    const there = new Set(hooks.map((x) => x.id));
    for (const [id, c] of this.shown) {
      if (there.has(id)) continue;
      c.element.remove();
      this.shown.delete(id);
    }
    await Promise.all(
      hooks.map(async (x) => {
        let c = this.shown.get(x.id);
        if (!c) {
          c = new HookCard(
            async () => this.setting?.reload(),
            (made) => {
              this.showSecret(made);
              this.made.querySelector("input")?.focus();
            },
          );
          this.shown.set(x.id, c);
          this.list.append(c.element);
        }
        await c.load(x, s);
      }),
    );
  }

  private showSecret(x: Hook & { secret: string }): void {
    this.made.replaceChildren(secret(`Secret of ${host(x.url)}`, x.secret, "The receiver verifies our signature with it (Standard Webhooks). Copy it now: it is shown this once."));
  }

  private addForm(s: Setting): void {
    const empty: Values = { format: "standard", url: "", routing_key: "", types: [], sites: [] };
    const [address, ...rest] = hookFields(s);
    this.add = new Form(
      [
        { name: "format", label: "What takes the messages", kind: "select", options: formats, wide: true },
        address!,
        { name: "routing_key", label: "Integration key (PagerDuty only)", hint: "32 characters. It is never shown again.", attributes: { maxlength: "64", spellcheck: "false" } },
        ...rest,
      ],
      { save: "Add endpoint", busy: "Adding…", done: "Added." },
      async (v) => {
        const key = String(v["routing_key"]).trim();
        const x = await post<Hook & { secret: string }>("/v1/webhooks", {
          format: v["format"], url: String(v["url"]).trim(), types: v["types"], sites: v["sites"], ...(key ? { routing_key: key } : {}),
        }); // prettier-ignore
        if (x.secret) this.showSecret(x);
        else this.made.replaceChildren();
        this.add?.fill(empty);
        this.made.querySelector("input")?.focus(); // as it appears, not later, when the reader may be elsewhere
        await this.setting?.reload();
        if (!x.secret) this.add?.say("Added. Send it a test.");
      },
    );
    this.add.fill(empty);
    this.card.replaceChildren(h("h2", { id: "addhook-h" }, "Add an endpoint"), this.add.element);
  }
}

// What an endpoint is told already stays, also a type this page does not know yet.
function hookFields(s: Setting, told: string[] = []): ConstructorParameters<typeof Form>[0] {
  return [
    { name: "url", label: "Address", wide: true, hint: "https://… that takes POST.", attributes: { type: "url", maxlength: "2000", spellcheck: "false" } },
    { name: "types", label: "What it is told (none chosen: everything)", kind: "checks", options: [...types, ...told.filter((t) => !types.some(([k]) => k === t)).map((t): [string, string] => [t, t])] },
    { name: "sites", label: "Of which sites (none chosen: all)", kind: "checks", options: s.sites.map((x) => [x.slug, x.name]) },
  ];
}

class HookCard {
  readonly element = h("section", { class: "card hook" });
  private readonly head = h("div", { class: "inrow" });
  private readonly what = h("p", { class: "note" });
  private readonly last = h("p", {});
  private readonly result = h("p", { class: "result", role: "status" });
  private readonly failed = h("p", { class: "failed", role: "alert" });
  private readonly log = h<HTMLDetailsElement>("details", {}, h("summary", {}, "Log"));
  private readonly rows = h("ul", { class: "hooklog" });
  private readonly change = h<HTMLDetailsElement>("details", {}, h("summary", {}, "Change"));
  private readonly rest = h("div", {});
  private readonly rotate: HTMLButtonElement;
  private hook: Hook | null = null;
  private setting: Setting | null = null;
  private form: Form | null = null;
  private readonly tried = new Map<string, Attempt[]>();
  private turn = 0;

  constructor(
    private readonly reload: () => Promise<void>,
    private readonly showSecret: (made: Hook & { secret: string }) => void,
  ) {
    const test: HTMLButtonElement = h<HTMLButtonElement>("button", { type: "button", click: () => void act(test, "Sending…", this.failed, () => this.test()) }, "Send test");
    this.rotate = h<HTMLButtonElement>("button", {
      type: "button",
      click: () => void act(this.rotate, "Making a secret…", this.failed, async () => {
        this.showSecret(await post<Hook & { secret: string }>(`/v1/webhooks/${encodeURIComponent(this.hook?.id ?? "")}/rotate`, {}));
        await this.reload();
      }),
    }, "New secret"); // prettier-ignore
    this.log.append(this.rows);
    this.log.addEventListener("toggle", () => void this.refresh());
    this.element.append(this.head, this.what, this.last, h("div", { class: "inrow" }, test, this.rotate), this.result, this.failed, this.log, this.change, this.rest);
  }

  async load(x: Hook, s: Setting): Promise<void> {
    this.hook = x;
    this.setting = s;
    patch(this.head, [x.url, x.disabled], () => [h("h2", { class: "address" }, short(x.url)), x.disabled && h("span", { class: "badge unknown" }, h("span", { class: "shape", "aria-hidden": "true" }, "?"), "Off")]);
    patch(this.what, [x.types, x.sites, x.format, x.disabled_why, x.old_secret_until, s.shell.zone], () => [
      x.disabled_why ? `Switched off by itself: ${x.disabled_why} ` : "",
      `${formats.find(([f]) => f === x.format)?.[1] ?? x.format ?? ""}. `,
      `Told: ${(x.types ?? []).length === 0 ? "everything" : (x.types ?? []).join(", ")}. Sites: ${(x.sites ?? []).length === 0 ? "all" : (x.sites ?? []).join(", ")}.`,
      ...(x.old_secret_until && instant(x.old_secret_until) > s.now ? [" The old secret signs too until ", timeElement(instant(x.old_secret_until), s.now, s.shell.zone), "."] : []),
    ]);
    this.rotate.hidden = !["standard", "cloudevents", "alertmanager"].includes(x.format ?? "standard");
    if (!this.form) {
      this.form = new Form(
        [...hookFields(s, x.types ?? []), { name: "disabled", label: "Send nothing for now", kind: "check" }],
        { save: "Save", busy: "Saving…", done: "Saved." },
        async (v) => {
          await put(`/v1/webhooks/${encodeURIComponent(x.id)}`, { format: x.format ?? "standard", url: String(v["url"]).trim(), types: v["types"], sites: v["sites"], disabled: v["disabled"] });
          await this.reload();
        },
      );
      this.form.fill({ url: x.url, types: x.types ?? [], sites: x.sites ?? [], disabled: x.disabled });
      this.change.append(this.form.element);
      this.rest.append(
        deletion("endpoint", host(x.url), "It is told no more. Its log is deleted.", async () => {
          await del(`/v1/webhooks/${encodeURIComponent(x.id)}`);
          await this.reload();
        }),
      );
    }
    await this.refresh();
  }

  private async deliveries(n: number): Promise<Delivery[]> {
    return (await get<{ items: Delivery[] | null }>(`/v1/webhooks/${encodeURIComponent(this.hook?.id ?? "")}/deliveries?limit=${n}`)).items ?? [];
  }

  private async attempts(d: Delivery): Promise<Attempt[]> {
    const known = this.tried.get(d.id);
    if (known && known.length >= d.attempts) return known;
    const found = await attemptsOf(d.id);
    this.tried.set(d.id, found);
    return found;
  }

  private async refresh(): Promise<void> {
    const zone = this.setting?.shell.zone ?? "UTC";
    const now = this.setting?.now ?? Number.NaN;
    const turn = ++this.turn;
    const items = await this.deliveries(this.log.open ? 50 : 1);
    const newest = items[0];
    const tries = newest && newest.attempts > 0 ? await this.attempts(newest) : [];
    if (turn !== this.turn) return; // a later look shows more, or newer ones
    patch(this.last, [newest?.id, newest?.status, tries, zone], () => {
      if (!newest) return ["Nothing was sent yet."];
      const good = newest.status === "delivered";
      const shape = good ? "●" : newest.status === "pending" ? "◌" : "▲";
      const t = tries.at(-1);
      return [
        h("span", { class: good ? "good" : newest.status === "pending" ? "" : "bad", "aria-hidden": "true" }, `${shape} `),
        `Last: ${newest.type}, `,
        ...outcome(newest, t, now, zone),
      ];
    });
    if (!this.log.open) return;
    if (items.length === 0) {
      patch(this.rows, 0, () => [h("li", {}, "Nothing was sent yet.")]);
      return;
    }
    patch(this.rows, [items.map((d) => [d.id, d.status, d.attempts]), zone], () => items.map((d) => this.row(d, now, zone)));
  }

  private row(d: Delivery, now: number, zone: string): HTMLElement {
    const body = h("div", {});
    const more = h<HTMLDetailsElement>("details", {}, h("summary", {}, `${d.attempts} ${d.attempts === 1 ? "attempt" : "attempts"}, payload`, h("span", { class: "sr" }, ` of ${d.id}`)), body);
    more.addEventListener("toggle", () => {
      if (!more.open || body.childElementCount > 0) return;
      void this.attempts(d).then((list) => {
        body.replaceChildren(
          h("ol", { class: "tries" }, ...list.map((t) => h("li", {}, timeElement(instant(t.at), now, zone), ` attempt ${t.number}: ${answer(t)}`))),
          h("pre", { tabindex: "0", role: "region", "aria-label": `Payload of ${d.id}` }, h("code", {}, ...stamped(JSON.stringify(d.body, null, 2)))),
        );
      });
    });
    const words = h("span", { class: "failed", role: "alert" });
    const again: HTMLButtonElement = h<HTMLButtonElement>("button", {
      type: "button",
      class: "small",
      click: () => void act(again, "Sending…", words, async () => {
        await post(`/v1/deliveries/${encodeURIComponent(d.id)}/retry`);
        this.tried.delete(d.id);
        await this.follow(d.id, d.attempts);
      }),
    }, "Send again", h("span", { class: "sr" }, ` ${d.type} ${d.id}`)); // prettier-ignore
    return h(
      "li",
      {},
      h("p", {}, timeElement(instant(d.created_at), now, zone), " ", h("b", {}, d.type), " ", h("code", { class: "note" }, d.id.slice(0, 12)), " ", ...outcome(d, undefined, now, zone), " ", d.status === "failed" || d.status === "delivered" ? again : "", words),
      more,
    );
  }

  private async test(): Promise<void> {
    this.result.textContent = "";
    const d = await post<Delivery>(`/v1/webhooks/${encodeURIComponent(this.hook?.id ?? "")}/test`);
    const t = await this.follow(d.id, 0);
    if (!t) this.result.textContent = `No answer after ${patience / 1000} s. It is tried again; the log shows what comes of it.`;
    else if (t.status_code >= 200 && t.status_code < 300) this.result.textContent = `Delivered in ${took(t)}, answer ${t.status_code}. It was marked test; nobody was paged.`;
    else if (t.status_code > 0) this.result.textContent = `Refused: answer ${t.status_code} after ${took(t)}. Does that address take POST, and know our signature?`;
    else this.result.textContent = `Refused: ${t.error || "no answer"} after ${took(t)}. Nothing listens at that address?`;
  }

  // follow waits for the next attempt of a delivery, for as long as a person would.
  private async follow(id: string, had: number): Promise<Attempt | null> {
    const end = performance.now() + patience;
    for (let wait = 150; performance.now() < end; wait = Math.min(1.6 * wait, 2000)) {
      const list = await attemptsOf(id);
      if (list.length > had) {
        this.tried.delete(id);
        await this.refresh();
        return list.at(-1) ?? null;
      }
      await new Promise((done) => setTimeout(done, wait));
    }
    await this.refresh();
    return null;
  }
}

async function attemptsOf(id: string): Promise<Attempt[]> {
  return (await get<Delivery>(`/v1/deliveries/${encodeURIComponent(id)}`)).log ?? [];
}

function outcome(d: Delivery, t: Attempt | undefined, now: number, zone: string): (Node | string)[] {
  const at = (s: string | null) => timeElement(instant(s), now, zone);
  switch (d.status) {
    case "delivered":
      return t ? [`delivered: answer ${t.status_code} in ${took(t)}, `, at(d.done_at), "."] : ["delivered ", at(d.done_at), "."];
    case "pending":
      return d.attempts === 0 ? ["waiting to be sent."] : [`failed ${times(d.attempts)}${t ? ` (${answer(t)})` : ""}, is tried again.`];
    case "expired":
      return ["expired ", at(d.done_at ?? d.expires_at), ", not sent again: a late instruction does harm."];
    case "superseded":
      return ["not sent: a newer one took its place."];
    default:
      return [`failed ${times(d.attempts)}${t ? ` (${answer(t)})` : ""}; last try `, at(d.done_at), "."];
  }
}

function answer(t: Attempt): string {
  return t.status_code > 0 ? `answer ${t.status_code} in ${took(t)}` : `no answer after ${took(t)}${t.error ? `: ${t.error}` : ""}`;
}

function times(n: number): string {
  return n === 1 ? "once" : `${n} times`;
}

function took(t: Attempt): string {
  return t.millis < 1000 ? `${t.millis} ms` : `${(t.millis / 1000).toFixed(1)} s`;
}

function host(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

function short(url: string): string {
  return url.replace(/^https?:\/\//, "").slice(0, 60);
}

// stamped puts the times of a payload into <time>, as all times of a page are.
function stamped(json: string): (Node | string)[] {
  const out: (Node | string)[] = [];
  let from = 0;
  for (const m of json.matchAll(/\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d\d:\d\d\b/g)) {
    out.push(json.slice(from, m.index), h("time", m[0].includes("T") ? { datetime: m[0] } : {}, m[0]));
    from = m.index + m[0].length;
  }
  out.push(json.slice(from));
  return out;
}


import { said } from "./api";
import { ServerClock } from "./clock";
import { h, patch } from "./element";
import { Live } from "./live";
import { ago } from "./number";
import { instant, offset, timeElement } from "./zone";

// Shell is what every page has: the bar, the zone, the pause button, the age of what is shown, the
// simulated stripe, and the one quiet voice for screen readers. It decides when a page refreshes.

export interface Page {
  readonly stream: string; // query of the live stream
  load(): Promise<void>; // fetches and shows; throws what api throws
  tick(): void; // once a second: what the passing of time alone changes
  rezone(): void;
}

// pages are the bar's: address, name, and the paths they stand for.
const pages: [string, string, RegExp][] = [
  ["/", "Overview", /^\/(index\.html)?$/],
  ["/check", "Check", /^\/check/],
  ["/topics", "Topics", /^\/topics/],
  ["/plan", "Plan", /^\/plan/],
  ["/reviews", "Reviews", /^\/reviews/],
  ["/setup", "Setup", /^\/setup/],
];

const refreshMS = 1000; // a replay sends many forecasts a second; nobody reads that fast
const fallbackMS = 15_000; // without a stream the page asks
const quietMS = 60_000; // and when nothing was told for so long: what is old is said by the server, when it is asked
const staleAfter = 3 * 60_000; // as the server has it

export class Shell {
  readonly clock = new ServerClock();
  readonly main = h("main", { id: "main", tabindex: "-1" });
  private readonly banner = h("div", { class: "banner", role: "status" });
  private readonly stripe = h("div", { class: "stripe", hidden: true }, h("span", {}, "Simulated"));
  private readonly age = h("span", { class: "age" });
  private readonly pauseButton = h<HTMLButtonElement>("button", { type: "button", class: "quiet" }, "Pause");
  private readonly zoneMenu = h<HTMLSelectElement>("select", { id: "zone", "aria-label": "Time zone" });
  private readonly voice = h("div", { class: "sr", "aria-live": "polite", "aria-atomic": "true" });
  private readonly alarm = h("div", { class: "sr", role: "alert" });

  private page: Page | null = null;
  private live: Live | null = null;
  private connected = true;
  private wasHeard = true;
  private pausedAt: number | null = null;
  private updatedAt = Number.NaN;
  private due: ReturnType<typeof setTimeout> | undefined;
  private loading = false;
  private again = false;
  private lastLoad = -refreshMS;
  private failure = "";
  private spoken = Number.NEGATIVE_INFINITY;
  private unsaid: string[] = [];
  private siteZone = "UTC";

  constructor(private readonly refused: () => Promise<void>) {
    const path = location.pathname;
    document.body.prepend(h("a", { class: "skip", href: "#main" }, "Skip to content"));
    this.pauseButton.setAttribute("aria-label", "Pause live updates");
    this.pauseButton.addEventListener("click", () => (this.pausedAt === null ? this.pause() : this.resume()));
    this.zoneMenu.addEventListener("change", () => {
      setQuery("zone", this.zoneMenu.value === this.siteZone ? null : this.zoneMenu.value);
      this.page?.rezone();
      this.tick();
    });
    const app = document.getElementById("app")!;
    app.replaceChildren(
      h(
        "header",
        { class: "bar" },
        h(
          "nav",
          { "aria-label": "Pages" },
          h("a", { href: "/", class: "brand" }, mark(), "Surgecast"),
          ...pages.map(([href, name, here]) => h("a", { href, "aria-current": here.test(path) ? "page" : null }, name)),
          h("a", { href: "/docs" }, "API"),
        ),
        h("div", { class: "tools" }, this.zoneMenu, this.pauseButton, this.age),
      ),
      this.stripe,
      this.banner,
      this.main,
      this.voice,
      this.alarm,
    );
    setInterval(() => this.tick(), 1000);
    setInterval(() => (!this.heard || performance.now() - this.lastLoad > quietMS) && this.request(), fallbackMS);
    document.addEventListener("visibilitychange", () => !document.hidden && this.request());
  }

  async open(page: Page): Promise<void> {
    this.page = page;
    await this.load();
    this.listen();
  }

  // zone is the one the reader chose, else the site's.
  get zone(): string {
    return new URLSearchParams(location.search).get("zone") ?? this.siteZone;
  }

  get paused(): boolean {
    return this.pausedAt !== null;
  }

  // ticking is whether time shown as passing can be trusted: not while paused, and not when the clock is
  // virtual and its server is away.
  get ticking(): boolean {
    return !this.paused && (this.heard || this.clock.live);
  }

  // heard is whether news would come if there were any.
  private get heard(): boolean {
    return this.connected && !this.clock.silent;
  }

  // old is whether a forecast issued then has been waiting for the next one too long, by the page's own clock. A virtual
  // clock stands still when its server does, so there the silence tells.
  old(issued: number): boolean {
    if (this.paused || !Number.isFinite(issued)) return false;
    return this.clock.live ? this.clock.now() - issued >= staleAfter : !this.heard;
  }

  show(o: { simulated: boolean; title: string; updatedAt: number; now: number; zones: string[] }): void {
    this.clock.set(o.now);
    this.updatedAt = o.updatedAt;
    this.stripe.hidden = !o.simulated;
    document.title = (o.simulated ? "[simulated] " : "") + o.title;
    this.zones(o.zones);
    this.tick();
  }

  // say speaks politely and at most once a minute; what comes in between is said together.
  say(words: string): void {
    this.unsaid.push(words);
    const wait = this.spoken + 60_000 - performance.now();
    setTimeout(() => {
      if (this.unsaid.length === 0) return;
      this.voice.textContent = this.unsaid.join(" ");
      this.unsaid = [];
      this.spoken = performance.now();
    }, Math.max(0, wait));
  }

  // cry is for entering alert, and nothing else.
  cry(words: string): void {
    this.alarm.textContent = words;
  }

  // request asks for a refresh soon: at once when the last is long ago, else when its second has passed.
  request(): void {
    if (this.paused) return;
    if (this.loading) {
      this.again = true;
      return;
    }
    clearTimeout(this.due);
    this.due = setTimeout(() => void this.load(), Math.max(0, this.lastLoad + refreshMS - performance.now()));
  }

  private async load(): Promise<void> {
    if (!this.page || this.loading) return;
    this.loading = true;
    try {
      await this.page.load();
      this.failure = "";
    } catch (e) {
      if (e instanceof Error && e.name === "Unauthorised") {
        await this.refused();
        return;
      }
      this.failure = said(e);
    } finally {
      this.loading = false;
      this.lastLoad = performance.now();
      this.main.classList.toggle("ready", true);
      this.tick();
    }
    if (this.again) {
      this.again = false;
      this.request();
    }
  }

  private listen(): void {
    if (!this.page) return;
    this.live?.stop();
    this.live = new Live(`/v1/live${this.page.stream}`, {
      forecast: () => this.request(),
      surge: () => this.request(),
      clock: (data) => {
        const c = data as { now?: string; speed?: number };
        if (typeof c.now !== "string") return;
        this.clock.set(instant(c.now), typeof c.speed === "number" && c.speed > 0 ? c.speed : 1);
      },
      connected: (yes) => {
        if (yes === this.connected) return;
        this.connected = yes;
        if (yes) {
          this.clock.resume();
          this.request();
        } else if (!this.clock.live) {
          this.clock.hold();
        }
        this.say(yes ? "Live again." : "The connection is lost. Trying again.");
        this.tick();
      },
    });
    this.live.start();
  }

  private pause(): void {
    this.pausedAt = this.clock.now();
    this.live?.stop();
    clearTimeout(this.due);
    this.again = false;
    // The name changes with the word on it; a pressed state as well would say it twice, and contrarily.
    this.pauseButton.textContent = "Resume";
    this.pauseButton.setAttribute("aria-label", "Resume live updates");
    this.tick();
  }

  private resume(): void {
    this.pausedAt = null;
    this.pauseButton.textContent = "Pause";
    this.pauseButton.setAttribute("aria-label", "Pause live updates");
    this.clock.listen();
    this.request();
    this.listen();
    this.tick();
  }

  private zones(sites: string[]): void {
    this.siteZone = sites[0] ?? "UTC";
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const all = [...new Set([...sites, own, "UTC", this.zone])];
    const now = this.clock.now();
    patch(this.zoneMenu, [all, all.map((z) => offset(now, z))], () =>
      all.map((z) => h("option", { value: z }, z === "UTC" ? "UTC" : `${z.replaceAll("_", " ")} (${offset(now, z)})`)),
    );
    this.zoneMenu.value = this.zone;
  }

  private tick(): void {
    const now = this.clock.now();
    if (this.pausedAt !== null) {
      const at = this.pausedAt;
      patch(this.age, ["paused", at, this.zone], () => ["paused at ", timeElement(at, at, this.zone)]);
    } else if (Number.isFinite(this.updatedAt)) {
      const words = this.ticking ? `updated ${ago(now - this.updatedAt)} ago` : "not live";
      patch(this.age, words, () => [words]);
    }
    const heard = this.heard || this.paused;
    if (this.connected && heard !== this.wasHeard) this.say(heard ? "Live again." : "Nothing new comes from the server.");
    this.wasHeard = heard || !this.connected;
    const lost = this.connected ? "Nothing new comes from the server. What you see may be old." : "The connection is lost. Trying again; what you see may be old.";
    const words = this.failure || (heard ? "" : lost);
    patch(this.banner, words, () => [words]);
    this.banner.hidden = words === "";
    if (!this.paused) this.page?.tick();
  }
}

// setQuery keeps the page's state in its address, so that a copied link shows the same view.
export function setQuery(key: string, value: string | null): void {
  const q = new URLSearchParams(location.search);
  if (value === null) q.delete(key);
  else q.set(key, value);
  const s = q.toString();
  history.replaceState(null, "", location.pathname + (s ? `?${s}` : "") + location.hash);
}

function mark(): Element {
  return h<SVGElement>(
    "svg",
    { viewBox: "0 0 32 32", width: 20, height: 20, "aria-hidden": "true", class: "mark" },
    h("path", { d: "M2 26c8 0 8-5 12-11S21 6 30 6v20z", class: "hill" }),
    h("path", { d: "M2 26c8 0 8-4 12-9s7-6 16-6", class: "ridge" }),
  );
}

import { get } from "./api";
import type { Site } from "./documents";
import { h } from "./element";
import { dated } from "./paper";
import { CapacityTab } from "./setupcapacity";
import { FeedsTab } from "./setupfeeds";
import { HooksTab } from "./setuphooks";
import { KeysTab } from "./setupkeys";
import { PublicTab } from "./setuppublic";
import { SitesTab } from "./setupsites";
import type { Page, Shell } from "./shell";
import { instant } from "./zone";

// SetupPage: one tab at a time, each in the address, each saved explicitly.

export interface FullSite extends Site {
  kind: string;
  segments?: unknown[] | null;
  created_at: string;
}

// Setting is what the tabs share: the sites, and the time.
export interface Setting {
  shell: Shell;
  sites: FullSite[];
  now: number;
  reload(): Promise<void>; // asks for everything again, after a change
}

export interface Tab {
  readonly element: HTMLElement;
  readonly live?: boolean; // shows what changes by itself
  load(s: Setting): Promise<void>;
  tick?(): void;
}

const tabs: [string, string, () => Tab][] = [
  ["sites", "Sites", () => new SitesTab()],
  ["capacity", "Capacity", () => new CapacityTab()],
  ["feeds", "Feeds", () => new FeedsTab()],
  ["webhooks", "Webhooks", () => new HooksTab()],
  ["keys", "Keys", () => new KeysTab()],
  ["public", "Public page", () => new PublicTab()],
];

export class SetupPage implements Page {
  readonly stream = "";
  private readonly tab: Tab;
  private readonly title: string;
  private setting: Setting | null = null;
  private asked = Number.NEGATIVE_INFINITY;

  constructor(private readonly shell: Shell) {
    dated(shell);
    const asked = new URLSearchParams(location.search).get("tab");
    const [name, title, make] = tabs.find(([t]) => t === asked) ?? tabs[0]!;
    this.tab = make();
    this.title = title;
    const site = new URLSearchParams(location.search).get("site");
    shell.main.append(
      h("h1", {}, "Setup"),
      h(
        "nav",
        { class: "tabs", "aria-label": "Setup" },
        ...tabs.map(([t, words]) => h("a", { href: `/setup?tab=${t}${site ? `&site=${encodeURIComponent(site)}` : ""}`, "aria-current": t === name ? "page" : null }, words)),
      ),
      this.tab.element,
    );
  }

  async load(): Promise<void> {
    const time = performance.now();
    // A form is not filled anew while someone writes in it; only what changes by itself is.
    if (this.setting && (!this.tab.live || time - this.asked < 5000)) return;
    this.asked = time;
    const s = await get<{ items: FullSite[] | null; now: string }>("/v1/sites?limit=500");
    const setting: Setting = {
      shell: this.shell,
      sites: s.items ?? [],
      now: instant(s.now),
      reload: async () => {
        this.setting = null;
        await this.load();
      },
    };
    this.shell.show({
      simulated: setting.sites.some((x) => x.simulated),
      title: `${this.title} · Setup · Surgecast`,
      updatedAt: this.tab.live ? setting.now : Number.NaN,
      now: setting.now,
      zones: [...new Set(setting.sites.map((x) => x.time_zone))].slice(0, 12),
    });
    await this.tab.load(setting);
    this.setting = setting;
  }

  rezone(): void {
    if (this.setting) void this.tab.load(this.setting);
  }

  tick(): void {
    this.tab.tick?.();
  }
}

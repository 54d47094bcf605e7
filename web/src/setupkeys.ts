import { del, get, post } from "./api";
import { h, patch } from "./element";
import { deletion, Form, secret } from "./setupform";
import type { Setting, Tab } from "./setuppage";
import { instant, timeElement } from "./zone";

interface Key {
  id: string;
  name: string;
  prefix: string;
  scopes: string[] | null;
  sites: string[] | null;
  created_at: string;
  last_used_at: string | null;
}

const scopes: [string, string][] = [
  ["scale", "scale: ask how many units to run"],
  ["read", "read: see everything, change nothing"],
  ["write", "write: push traffic, change sites, topics and webhooks"],
  ["admin", "admin: make and end keys"],
];
// What a scope lets its holder do, in a table.
const may: Record<string, string> = { scale: "asks for units", read: "sees everything", write: "pushes and changes", admin: "makes and ends keys" };

// KeysTab: who may talk to this server. A key is shown once, when it is made.
export class KeysTab implements Tab {
  readonly element = h("div", { class: "parts" });
  private readonly list = h("div", { class: "card list" });
  private readonly none = h("p", { class: "card" }, "There is no key. This server answers without one on this machine only.");
  private readonly made = h("div", { role: "status" });
  private readonly ends = h("section", { class: "parts", "aria-label": "End a key" });
  private readonly card = h("section", { class: "card", "aria-labelledby": "addkey-h" });
  private form: Form | null = null;
  private setting: Setting | null = null;

  constructor() {
    this.element.append(this.none, this.list, this.made, this.card, this.ends);
  }

  private makeForm(s: Setting): void {
    this.form = new Form(
      [
        { name: "name", label: "Who uses it", required: true, hint: "autoscaler, newsletter tool, Ana", attributes: { maxlength: "100" } },
        { name: "scopes", label: "What it may do", kind: "checks", required: true, options: scopes },
        { name: "sites", label: "Only these sites (none chosen: all)", kind: "checks", options: s.sites.map((x) => [x.slug, x.name]) },
      ],
      { save: "Make key", busy: "Making…", done: "Made." },
      async (v) => {
        const k = await post<Key & { key: string }>("/v1/keys", { name: String(v["name"]).trim(), scopes: v["scopes"], sites: v["sites"] });
        this.made.replaceChildren(secret(`Key of ${k.name}`, k.key, "Copy it now: it is shown this once. Only its fingerprint is kept here."));
        this.form?.fill({ name: "", scopes: ["read"], sites: [] });
        this.made.querySelector("input")?.focus(); // as it appears, not later, when the reader may be elsewhere
        await this.setting?.reload();
      },
    );
    this.form.fill({ name: "", scopes: ["read"], sites: [] });
    this.card.replaceChildren(h("h2", { id: "addkey-h" }, "Make a key"), this.form.element);
  }

  async load(s: Setting): Promise<void> {
    this.setting = s;
    const keys = (await get<{ items: Key[] | null }>("/v1/keys?limit=500")).items ?? [];
    if (!this.form) this.makeForm(s);
    const zone = s.shell.zone;
    const time = (t: string | null) => (t ? timeElement(instant(t), s.now, zone) : "never");
    this.list.hidden = keys.length === 0;
    this.none.hidden = keys.length > 0;
    const columns = ["Key", "May", "Sites", "Made", "Last used"];
    patch(this.list, [keys, zone], () => [
      h(
        "table",
        { class: "cards", role: "table" },
        h("caption", { class: "sr" }, "Keys"),
        h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...columns.map((c) => h("th", { scope: "col", role: "columnheader" }, c)))),
        h(
          "tbody",
          { role: "rowgroup" },
          ...keys.map((k) => {
            const cell = (i: number, c: Node | string) => h("td", { role: "cell", "data-label": columns[i]! }, c);
            return h(
              "tr",
              { role: "row" },
              h("th", { scope: "row", role: "rowheader" }, k.name, " ", h("code", { class: "note" }, `${k.prefix}…`)),
              cell(1, (k.scopes ?? []).map((x) => `${x}: ${may[x] ?? ""}`).join("; ")),
              cell(2, (k.sites ?? []).length === 0 ? "all" : (k.sites ?? []).join(", ")),
              cell(3, time(k.created_at)),
              cell(4, time(k.last_used_at)),
            );
          }),
        ),
      ),
    ]);
    patch(this.ends, keys.map((k) => [k.id, k.name]), () =>
      keys.map((k) =>
        deletion(`key ${k.name}`, k.name, "It ends at once, and so do the sessions opened with it.", async () => {
          await del(`/v1/keys/${encodeURIComponent(k.id)}`);
          await this.setting?.reload();
        }),
      ),
    );
  }
}

import { getText, post, said } from "./api";
import type { CapacityAnswer, Risk } from "./documents";
import { h, patch } from "./element";
import { copy } from "./savefile";
import { full, instant } from "./zone";

// TakeAway is what somebody carries elsewhere: copies for a chat, a terminal or an autoscaler, and a link
// that needs no account and ends.
export class TakeAway {
  readonly element = h("div", { class: "takeaway" });
  private readonly said = h("p", { class: "note", role: "status" });
  private readonly text = h<HTMLTextAreaElement>("textarea", { readonly: true, rows: 6, hidden: true, "aria-label": "Text to copy", spellcheck: "false" });
  private readonly shared = h("div", { class: "shared", role: "status" });
  private readonly copies = menu("Copy");
  private readonly sharing = menu("Share");
  private readonly hours = h<HTMLSelectElement>("select", { id: "share-hours" }, ...([[1, "an hour"], [24, "a day"], [168, "a week"], [720, "30 days"]] as const).map(([n, words]) => h("option", { value: n, selected: n === 24 }, words)));
  private docs: { risk: Risk; capacity: CapacityAnswer } | null = null;
  private zone = "UTC";
  private turn = 0;
  private slug = "surgecast";

  constructor(private readonly base: string) {
    const item = (name: string, make: () => string | Promise<string>) => h("button", { type: "button", click: () => void this.take(name, make) }, name);
    const schedule = (format: string) => () => getText(`${this.base}/schedule?format=${format}`);
    this.copies.body.append(
      item("Text for a chat", () => this.chat()),
      item("Units", () => String(this.docs?.capacity.recommendation?.would_be_units ?? "")),
      item("JSON", () => JSON.stringify(this.docs?.risk, null, 2)),
      item("KEDA trigger", () => this.keda()),
      item("AWS schedule, a pair", schedule("aws")),
      item("GCP schedule", schedule("gcp")),
      item("KEDA cron, a pair", schedule("keda-cron")),
      this.text,
      this.said,
    );
    this.sharing.body.append(
      h("label", { for: "share-hours" }, "For"),
      this.hours,
      h("button", { type: "button", click: (e: Event) => void this.share(e.currentTarget as HTMLButtonElement) }, "Make a link"),
      this.shared,
    );
    this.element.append(this.copies.element, this.sharing.element);
  }

  show(risk: Risk, capacity: CapacityAnswer, zone: string): void {
    this.docs = { risk, capacity };
    this.slug = risk.site;
    this.zone = zone;
  }

  // chat is the server's two sentences and where to look; a simulated one says so itself.
  private chat(): string {
    const r = this.docs?.risk;
    if (!r) return "";
    const mark = r.simulated ? "[simulated] " : "";
    return `${mark}${r.name}: ${r.verdict.headline} ${r.verdict.sentence}\n${location.origin}${location.pathname}`;
  }

  // keda polls this service: the number of units is the metric, one unit of it a replica.
  private keda(): string {
    return [
      "triggers:",
      "  - type: metrics-api",
      "    metricType: AverageValue",
      "    metadata:",
      `      url: "${location.origin}${this.base}/scale"`,
      '      valueLocation: "units"',
      '      targetValue: "1"',
      '      authMode: "bearer"',
      "    authenticationRef:",
      "      name: surgecast # a TriggerAuthentication that holds a key with scope scale",
      "",
    ].join("\n");
  }

  private async take(name: string, make: () => string | Promise<string>): Promise<void> {
    const turn = ++this.turn;
    try {
      const text = await make();
      if (turn !== this.turn) return; // something else was asked for meanwhile: that is what is to be copied
      const done = text !== "" && (await copy(text));
      this.said.textContent = text === "" ? "There is nothing to copy: no recommendation." : done ? `Copied: ${name.toLowerCase()}.` : "This browser does not let a page copy. Take it from here.";
      this.text.hidden = text === "" || (done && text.length < 12);
      this.text.value = text;
    } catch (e) {
      if (turn !== this.turn) return;
      this.text.hidden = true;
      this.said.textContent = said(e);
    }
  }

  private async share(button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    try {
      const { path, until, note } = await post<{ path: string; until: string; note: string }>(`${this.base}/share`, { hours: Number(this.hours.value) });
      const address = location.origin + path;
      const field = h<HTMLInputElement>("input", { type: "text", readonly: true, value: address, "aria-label": "Link", size: 32 });
      const letter = h<HTMLTextAreaElement>("textarea", { readonly: true, rows: 8, "aria-label": "Note for the host", spellcheck: "false" });
      letter.value = note;
      const zone = this.zone;
      const v = this.docs?.risk.verdict;
      const copying = (name: string, text: string, from: HTMLInputElement | HTMLTextAreaElement) => {
        const said = h("span", { class: "note", role: "status" });
        return [h("button", { type: "button", click: () => void copy(text).then((ok) => (ok ? (said.textContent = "Copied.") : from.select())) }, name), said];
      };
      this.shared.replaceChildren(
        h("p", {}, "Whoever has this link can read this page, nothing else, until ", h("time", { datetime: until }, full(instant(until), zone)), ". It cannot be taken back earlier."),
        field,
        ...copying("Copy link", address, field),
        h("h3", {}, "As a picture"),
        h("img", { class: "cardpicture", src: `${path}/card.png`, width: 1200, height: 630, alt: v ? `${v.headline} ${v.sentence}` : "The verdict as a picture" }),
        h("a", { href: `${path}/card.png`, download: `${this.slug}.png`, class: "button" }, "Save the picture"),
        ...(note ? [h("h3", {}, "A note for whoever hosts the site"), letter, ...copying("Copy the note", note, letter)] : []),
      );
    } catch (e) {
      const words = said(e);
      patch(this.shared, [words, performance.now()], () => [h("p", { class: "failed" }, words)]);
    } finally {
      button.disabled = false;
    }
  }
}

// menu is a disclosure: Escape, a click elsewhere and the other menu close it; the focus goes back to its button.
function menu(name: string): { element: HTMLDetailsElement; body: HTMLElement } {
  const body = h("div", { class: "menubody card" });
  const summary = h("summary", { role: "button" }, name);
  const element = h<HTMLDetailsElement>("details", { class: "menu", name: "menu" }, summary, body);
  element.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || !element.open) return;
    element.open = false;
    summary.focus();
  });
  document.addEventListener("pointerdown", (e) => {
    if (element.open && e.target instanceof Node && !element.contains(e.target)) element.open = false;
  });
  return { element, body };
}

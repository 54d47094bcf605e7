import { instantsOf, wallTime } from "./calendar";
import { h, patch } from "./element";
import { grouped } from "./number";
import { type EventFields, iso, kinds, lasting, usual } from "./planned";
import { abbreviation, clock, date, day as dayName } from "./zone";

// Draft is an event while it is being planned. All of it stands in the page's address, so that two people
// look at the same plan.
export interface Draft {
  kind: string;
  name: string;
  day: string; // "2026-09-24" in the site's zone
  time: string; // as typed
  second: boolean; // of two instants with this wall-clock time, the later one
  people: number;
  waves: 1 | 3;
  lasts: number; // minutes, 0: as usual
  id: string | null; // of the saved event that is being changed
}

// startsOf are the instants the draft's start may mean.
export function startsOf(d: Draft, zone: string): number[] {
  return instantsOf(d.day, wallTime(d.time), zone);
}

export function startOf(d: Draft, zone: string): number {
  const all = startsOf(d, zone);
  return (d.second ? all[1] : undefined) ?? all[0] ?? Number.NaN;
}

export function nameOf(d: Draft): string {
  return d.name.trim() || kinds[d.kind] || d.kind;
}

// fields is the draft as the API takes it.
export function fields(d: Draft, zone: string): EventFields {
  const start = startOf(d, zone);
  return {
    kind: d.kind,
    name: nameOf(d),
    starts_at: iso(start),
    ends_at: lasting.has(d.kind) && d.lasts > 0 ? iso(start + d.lasts * 60_000) : null,
    expected_reach: d.people,
  };
}

const durations: [number, string][] = [[0, "as usual"], [30, "30 minutes"], [60, "1 hour"], [120, "2 hours"], [180, "3 hours"], [360, "6 hours"], [720, "12 hours"], [1440, "a day"]]; // prettier-ignore

// PlanForm edits a draft. It says at the field what a start on a day of clock change may mean, and what the
// server refused.
export class PlanForm {
  readonly element = h<HTMLFormElement>("form", { class: "card planform", "aria-labelledby": "planform-h", novalidate: true });
  private readonly heading = h("h2", { id: "planform-h" }, "New event");
  private readonly kind = h<HTMLSelectElement>("select", { id: "plan-kind" });
  private readonly name = h<HTMLInputElement>("input", { id: "plan-name", type: "text", maxlength: 200, autocomplete: "off" });
  private readonly day = h<HTMLInputElement>("input", { id: "plan-day", type: "date", required: true });
  private readonly time = h<HTMLInputElement>("input", { id: "plan-time", type: "text", inputmode: "numeric", autocomplete: "off", size: 5, maxlength: 5, "aria-describedby": "plan-time-said" });
  private readonly timeSaid = h("div", { id: "plan-time-said", class: "fieldsaid" });
  private readonly people = h<HTMLInputElement>("input", { id: "plan-people", type: "text", inputmode: "numeric", autocomplete: "off", size: 10, maxlength: 14, "aria-describedby": "plan-people-said" });
  private readonly peopleSaid = h("div", { id: "plan-people-said", class: "fieldsaid note" });
  private readonly lasts = h<HTMLSelectElement>("select", { id: "plan-lasts" }, ...durations.map(([m, words]) => h("option", { value: m }, words)));
  private readonly lastsField: HTMLElement;
  private readonly waves = h("div", { class: "choice", role: "group", "aria-label": "Waves" });
  private readonly wavesSaid = h("span", { class: "note" });
  private readonly wavesField: HTMLElement;
  private readonly saveButton = h<HTMLButtonElement>("button", { type: "submit", class: "main" }, "Save");
  readonly said = h("p", { class: "saved", role: "status" });
  private draft: Draft | null = null;
  private zone = "UTC";
  private busy = false;

  constructor(
    private readonly changed: (d: Draft) => void,
    private readonly save: () => Promise<void>,
    discard: () => void,
  ) {
    const field = (label: string, input: HTMLElement, ...more: HTMLElement[]) =>
      h("div", { class: "field" }, h("label", { for: input.id }, label), input, ...more);
    for (const n of [1, 3] as const) {
      this.waves.append(h("button", { type: "button", "data-waves": n, click: () => this.set({ waves: n }) }, n === 1 ? "all at once" : "3 waves"));
    }
    const shift = (by: number) =>
      h("button", { type: "button", "aria-label": `Start ${Math.abs(by)} minutes ${by < 0 ? "earlier" : "later"}`, click: () => this.shift(by) }, by < 0 ? `−${-by}` : `+${by}`);
    this.lastsField = field("Lasts", this.lasts);
    this.wavesField = h("div", { class: "field" }, h("span", { class: "label" }, "Sent"), this.waves, this.wavesSaid);
    this.kind.addEventListener("change", () => this.set({ kind: this.kind.value }));
    this.name.addEventListener("input", () => this.set({ name: this.name.value }));
    this.day.addEventListener("change", () => this.day.value && this.set({ day: this.day.value, second: false }));
    this.time.addEventListener("input", () => this.set({ time: this.time.value, second: false }));
    this.time.addEventListener("blur", () => {
      const t = wallTime(this.time.value);
      if (t) this.time.value = t;
    });
    this.people.addEventListener("input", () => {
      const n = count(this.people.value);
      if (n !== null) this.set({ people: n, ...(n === 0 ? { waves: 1 as const } : {}) });
    });
    this.people.addEventListener("blur", () => (this.people.value = this.draft?.people ? grouped(this.draft.people) : ""));
    this.lasts.addEventListener("change", () => this.set({ lasts: Number(this.lasts.value) }));
    this.element.addEventListener("submit", (e) => {
      e.preventDefault();
      void this.submit();
    });
    this.element.append(
      this.heading,
      h(
        "div",
        { class: "fields" },
        field("What", this.kind),
        field("Name", this.name),
        field("Day", this.day),
        h("div", { class: "field" }, h("label", { for: "plan-time" }, "Start"), h("div", { class: "stepped" }, shift(-5), this.time, shift(5)), this.timeSaid),
        field("People told", this.people, this.peopleSaid),
        this.lastsField,
        this.wavesField,
      ),
      h("div", { class: "buttons" }, this.saveButton, h("button", { type: "button", click: discard }, "Discard")),
      this.said,
    );
  }

  // show puts a draft into the fields, but never into the one that is being typed in.
  show(d: Draft, siteKind: string, zone: string, wrong: { field: string; words: string } | null): void {
    this.draft = d;
    this.zone = zone;
    this.heading.textContent = d.id ? "Change event" : "New event";
    this.saveButton.disabled = this.busy;
    this.saveButton.textContent = this.busy ? "Saving…" : d.waves === 3 ? "Save 3 events" : d.id ? "Save change" : "Save";
    const first = usual[siteKind] ?? usual["shop"]!;
    const rest = Object.keys(kinds).filter((k) => !first.includes(k));
    patch(this.kind, [first, rest], () => [
      ...first.map((k) => h("option", { value: k }, kinds[k] ?? k)),
      h("optgroup", { label: "Others" }, ...rest.map((k) => h("option", { value: k }, kinds[k] ?? k))),
    ]);
    const put = (e: HTMLInputElement | HTMLSelectElement, value: string) => {
      if (document.activeElement !== e && e.value !== value) e.value = value;
    };
    put(this.kind, d.kind);
    put(this.name, d.name);
    this.name.placeholder = kinds[d.kind] ?? "";
    put(this.day, d.day);
    put(this.time, wallTime(d.time) || d.time);
    put(this.people, d.people ? grouped(d.people) : "");
    put(this.lasts, String(d.lasts));
    this.lastsField.hidden = !lasting.has(d.kind);
    // A change is of one event; an unknown size cannot be split.
    this.wavesField.hidden = d.id !== null;
    for (const b of this.waves.children) {
      b.setAttribute("aria-pressed", String(b.getAttribute("data-waves") === String(d.waves)));
      (b as HTMLButtonElement).disabled = d.people === 0 && b.getAttribute("data-waves") === "3";
    }
    this.wavesSaid.textContent = d.people === 0 ? "Say how many people, then it can be split." : d.waves === 3 ? "20 minutes apart" : "";
    patch(this.peopleSaid, d.people === 0, () => [d.people === 0 ? "Left empty: as large as such events usually are here." : null]);
    this.sayTime(d, wrong);
  }

  private sayTime(d: Draft, wrong: { field: string; words: string } | null): void {
    const t = wallTime(d.time);
    const starts = startsOf(d, this.zone);
    const here = dayName(starts[0] ?? Date.parse(`${d.day}T12:00:00Z`), this.zone);
    let words = "";
    if (!t) words = d.time.trim() === "" ? "When does it start?" : "Write the time as 15:30.";
    else if (starts.length === 0) words = `${t} does not exist on ${here}: the clocks go forward. Pick another time.`;
    else if (wrong) words = wrong.words;
    this.time.setAttribute("aria-invalid", String(words !== "" && !(wrong && wrong.field !== "starts_at")));
    patch(this.timeSaid, [words, starts, d.second, this.zone], () => [
      words !== "" && h("p", { class: "failed" }, ...timed(words)),
      starts.length === 2 &&
        h(
          "fieldset",
          { class: "twice" },
          h("legend", {}, ...timed(`${t} happens twice on ${here}. Which?`)),
          ...starts.map((s, i) =>
            h(
              "label",
              {},
              h("input", { type: "radio", name: "twice", checked: (i === 1) === d.second, change: () => this.set({ second: i === 1 }) }),
              h("time", { datetime: iso(s) }, t),
              ` ${abbreviation(s, this.zone)}`,
            ),
          ),
        ),
    ]);
  }

  private set(some: Partial<Draft>): void {
    if (!this.draft) return;
    this.said.textContent = "";
    this.changed({ ...this.draft, ...some });
  }

  private shift(minutes: number): void {
    const at = this.draft ? startOf(this.draft, this.zone) + minutes * 60_000 : Number.NaN;
    if (Number.isFinite(at)) this.moveTo(at);
  }

  // moveTo sets the start to an instant, also by dragging.
  moveTo(at: number): void {
    const time = clock(at, this.zone);
    const day = date(at, this.zone);
    this.time.value = time;
    const two = instantsOf(day, time, this.zone);
    this.set({ time, day, second: two.length === 2 && at === two[1] });
  }

  private async submit(): Promise<void> {
    if (this.busy || !this.draft || !Number.isFinite(startOf(this.draft, this.zone))) {
      this.time.focus();
      return;
    }
    this.busy = true;
    this.saveButton.disabled = true;
    this.saveButton.textContent = "Saving…";
    try {
      await this.save();
    } finally {
      this.busy = false;
      this.saveButton.disabled = false;
      this.saveButton.textContent = "Save";
    }
  }
}

function timed(words: string): (Node | string)[] {
  return words.split(/(\b\d{2}:\d{2}\b)/).map((w) => (/^\d{2}:\d{2}$/.test(w) ? h("time", {}, w) : w));
}

// count reads "20,000", "20 000", "20k"; null: it is no number.
export function count(typed: string): number | null {
  const m = /^([\d.,\s]*\d)\s*(k|m)?$/i.exec(typed.trim());
  if (typed.trim() === "") return 0;
  if (!m) return null;
  const by = { k: 1e3, m: 1e6 }[(m[2] ?? "").toLowerCase()] ?? 1;
  const digits = by > 1 ? Number(m[1]!.replace(",", ".")) * by : Number(m[1]!.replace(/[.,\s]/g, ""));
  return Number.isFinite(digits) ? Math.min(1e10, Math.round(digits)) : null;
}

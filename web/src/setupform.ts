import { Problem, said, Unauthorised } from "./api";
import { h } from "./element";

// Form is one form of a setup page: it knows what is unsaved and says so, it is saved on request only,
// and what the server refuses stands at the field it is about, with the remedy and the reference.

export interface Field {
  name: string; // as in the API's body, dots for what is nested; errors come back under it
  label: string;
  hint?: string | Node;
  kind?: "text" | "number" | "area" | "select" | "checks" | "check" | "password";
  options?: [string, string][]; // value and words, of select and checks
  required?: boolean;
  unit?: string; // stands behind the field
  step?: string;
  min?: number;
  wide?: boolean;
  attributes?: Record<string, string>;
}

export type Value = string | number | boolean | string[] | null;
export type Values = Record<string, Value>;

interface Part {
  field: Field;
  box: HTMLElement;
  inputs: (HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement)[];
  error: HTMLElement;
}

let made = 0;

export class Form {
  readonly element: HTMLFormElement;
  private readonly parts = new Map<string, Part>();
  private readonly id = `f${++made}`;
  private readonly failed = h("p", { class: "failed", role: "alert" });
  private readonly said = h("p", { class: "formsaid", role: "status" });
  private readonly button: HTMLButtonElement;
  private saved: string;
  private rested = false; // since it was sent: what is stored has been shown anew
  private busy = false;
  onInput: (values: Values) => void = () => {};

  constructor(
    fields: (Field | Element)[],
    private readonly words: { save: string; busy: string; done: string },
    private readonly save: (values: Values) => Promise<void>,
    private readonly alias: Record<string, string> = {}, // names of the server's that are another field here
  ) {
    this.button = h<HTMLButtonElement>("button", { type: "submit", class: "main" }, words.save);
    this.element = h<HTMLFormElement>(
      "form",
      { class: "form", novalidate: true, submit: (e) => void this.submit(e), input: () => this.changed(), change: () => this.changed() },
      ...fields.map((f) => (f instanceof Element ? f : this.part(f))),
      this.failed,
      h("div", { class: "formfoot" }, this.button, this.said),
    );
    this.saved = this.key();
    addEventListener("beforeunload", (e) => this.dirty && this.element.isConnected && e.preventDefault());
  }

  get dirty(): boolean {
    return this.key() !== this.saved;
  }

  // fill shows what is stored; it is then what "unsaved" is measured against.
  fill(values: Values): void {
    for (const [name, v] of Object.entries(values)) this.set(name, v);
    this.rest();
  }

  // rest takes what stands in the fields for what is stored.
  rest(): void {
    this.saved = this.key();
    this.rested = true;
    this.clear();
    this.said.textContent = "";
    this.onInput(this.values());
  }

  set(name: string, v: Value): void {
    const p = this.parts.get(name);
    if (!p) return;
    for (const i of p.inputs) {
      if (i instanceof HTMLInputElement && (i.type === "checkbox" || i.type === "radio")) i.checked = Array.isArray(v) ? v.includes(i.value) : v === true;
      else i.value = v === null ? "" : String(v);
    }
  }

  values(): Values {
    const out: Values = {};
    for (const [name, p] of this.parts) {
      const [first] = p.inputs;
      if (p.field.kind === "checks") out[name] = p.inputs.filter((i) => (i as HTMLInputElement).checked).map((i) => i.value);
      else if (p.field.kind === "check") out[name] = (first as HTMLInputElement).checked;
      else if (p.field.kind === "number") out[name] = first!.value.trim() === "" ? null : Number(first!.value);
      else out[name] = first?.value ?? "";
    }
    return out;
  }

  // say answers in the form's own place, politely.
  say(words: string | Node): void {
    this.said.replaceChildren(words);
  }

  // refuse puts a problem at its field, or at the end of the form where it belongs to none.
  refuse(e: unknown): void {
    if (e instanceof Unauthorised) {
      location.reload(); // the session has ended: the page asks for the key
      return;
    }
    const words = said(e);
    const name = e instanceof Problem ? e.field : "";
    const p = this.parts.get(this.alias[name] ?? name) ?? this.parts.get(name.replace(/\[\d+\]$/, ""));
    if (!p) {
      this.failed.textContent = words;
      return;
    }
    this.mark(p, words);
    p.inputs[0]?.focus();
  }

  private mark(p: Part, words: string): void {
    p.error.textContent = words;
    p.error.hidden = false;
    for (const i of p.inputs) i.setAttribute("aria-invalid", "true");
  }

  private clear(): void {
    this.failed.textContent = "";
    for (const p of this.parts.values()) {
      p.error.hidden = true;
      p.error.textContent = "";
      for (const i of p.inputs) i.removeAttribute("aria-invalid");
    }
  }

  private changed(): void {
    this.onInput(this.values());
    if (this.busy) return;
    this.said.textContent = this.dirty ? "Unsaved changes." : "";
  }

  private async submit(e: Event): Promise<void> {
    e.preventDefault();
    if (this.busy) return;
    this.clear();
    let first: Part | null = null;
    for (const p of this.parts.values()) {
      const i = p.inputs[0];
      const missing = p.field.required === true && (p.field.kind === "checks" ? !p.inputs.some((x) => (x as HTMLInputElement).checked) : i?.value.trim() === "");
      const wrong = i instanceof HTMLInputElement && i.type === "number" && (i.validity.badInput || (i.value !== "" && !Number.isFinite(Number(i.value))));
      if (!missing && !wrong) continue;
      this.mark(p, wrong ? "This is not a number. Use digits, with a point for parts." : p.field.kind === "checks" ? "Choose at least one." : "This is needed.");
      first ??= p;
    }
    if (first) {
      first.inputs[0]?.focus();
      return;
    }
    this.busy = true;
    this.button.disabled = true;
    this.button.textContent = this.words.busy;
    this.said.textContent = "";
    const sent = this.key();
    this.rested = false;
    try {
      await this.save(this.values());
      if (!this.rested) this.saved = sent; // what was typed since is not stored
      if (this.dirty) this.said.textContent = "Unsaved changes.";
      else if (this.said.childNodes.length === 0) this.said.textContent = this.words.done;
    } catch (problem) {
      this.refuse(problem);
    } finally {
      this.busy = false;
      this.button.disabled = false;
      this.button.textContent = this.words.save;
    }
  }

  private key(): string {
    return JSON.stringify(this.values());
  }

  private part(f: Field): HTMLElement {
    const id = `${this.id}-${f.name.replaceAll(".", "-")}`;
    const error = h("p", { id: `${id}-e`, class: "fielderror", hidden: true });
    const hint = f.hint ? h("p", { id: `${id}-h`, class: "note" }, f.hint) : null;
    const about = { "aria-describedby": [`${id}-e`, hint ? `${id}-h` : ""].join(" ").trim() };
    const inputs: Part["inputs"] = [];
    let box: HTMLElement;
    const common = { id, name: f.name, ...about, ...f.attributes };
    switch (f.kind) {
      case "checks":
        box = h(
          "fieldset",
          { class: "entry wide checks", ...about },
          h("legend", {}, f.label),
          ...(f.options ?? []).map(([value, label]) => {
            const i = h<HTMLInputElement>("input", { type: "checkbox", value });
            inputs.push(i);
            return h("label", { class: "tick" }, i, " ", label);
          }),
          hint,
          error,
        );
        break;
      case "check": {
        const i = h<HTMLInputElement>("input", { ...common, type: "checkbox" });
        inputs.push(i);
        box = h("div", { class: "entry wide" }, h("label", { class: "tick", for: id }, i, " ", f.label), hint, error);
        break;
      }
      default: {
        const i =
          f.kind === "select"
            ? h<HTMLSelectElement>("select", common, ...(f.options ?? []).map(([value, label]) => h("option", { value }, label)))
            : f.kind === "area"
              ? h<HTMLTextAreaElement>("textarea", { ...common, rows: 3 })
              : h<HTMLInputElement>("input", {
                  autocomplete: "off",
                  ...common,
                  type: f.attributes?.["type"] ?? f.kind ?? "text",
                  step: f.kind === "number" ? (f.step ?? "any") : null,
                  min: f.min,
                  inputmode: f.kind === "number" ? "decimal" : null,
                });
        if (f.required) i.setAttribute("aria-required", "true");
        inputs.push(i);
        box = h(
          "div",
          { class: f.wide || f.kind === "area" ? "entry wide" : "entry" },
          h("label", { for: id }, f.label),
          f.unit ? h("span", { class: "withunit" }, i, h("span", { class: "unit" }, f.unit)) : i,
          hint,
          error,
        );
      }
    }
    this.parts.set(f.name, { field: f, box, inputs, error });
    return box;
  }
}

// act runs what a button asks for: the button says that it is busy, and what went wrong stands beside it.
export async function act(button: HTMLButtonElement, busy: string, words: HTMLElement, what: () => Promise<void>): Promise<void> {
  const label = button.textContent ?? "";
  button.disabled = true;
  button.textContent = busy;
  words.textContent = "";
  try {
    await what();
  } catch (e) {
    if (e instanceof Unauthorised) location.reload();
    words.textContent = said(e);
  } finally {
    button.disabled = false;
    button.textContent = label;
  }
}

// deletion asks by name: the button does nothing before the name stands beside it.
export function deletion(what: string, name: string, loses: string, remove: () => Promise<void>): HTMLElement {
  const id = `d${++made}`;
  const words = h("p", { class: "failed", role: "alert" });
  const input = h<HTMLInputElement>("input", { id, type: "text", autocomplete: "off", spellcheck: "false", input: () => (button.disabled = input.value.trim() !== name) });
  const button = h<HTMLButtonElement>("button", { type: "submit", class: "danger", disabled: true }, `Delete ${what}`);
  return h(
    "details",
    { class: "deletion" },
    h("summary", {}, `Delete ${what} …`),
    h(
      "form",
      {
        submit: (e) => {
          e.preventDefault();
          if (input.value.trim() === name) void act(button, "Deleting…", words, remove);
        },
      },
      h("p", {}, loses),
      h("label", { for: id }, "Write ", h("b", {}, name), " to delete it"),
      h("div", { class: "inrow" }, input, button),
      words,
    ),
  );
}

// secret shows what is shown once, with a button that copies it.
export function secret(label: string, value: string, note: string): HTMLElement {
  const id = `s${++made}`;
  const field = h<HTMLInputElement>("input", { id, type: "text", readonly: true, value, class: "secret", spellcheck: "false", focus: () => field.select() });
  const told = h("span", { role: "status" });
  return h(
    "div",
    { class: "card once" },
    h("label", { for: id }, h("b", {}, label)),
    h(
      "div",
      { class: "inrow" },
      field,
      h("button", {
        type: "button",
        click: () => {
          field.select();
          navigator.clipboard
            .writeText(value)
            .then(() => (told.textContent = "Copied."))
            .catch(() => (told.textContent = "Selected: copy it with the keyboard."));
        },
      }, "Copy"),
      told,
    ),
    h("p", { class: "note" }, note),
  ); // prettier-ignore
}

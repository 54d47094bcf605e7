import { del, post, said } from "./api";
import { h, patch } from "./element";
import { instant, timeElement } from "./zone";

// Marks are what people say about a surge: "I have it", with a name and a note, and a mute for a while.
// An acknowledged alert stays visible, says who has it, and can be taken back; muting silences messages
// to people, never the scaler.

export interface Marked {
  surge: string; // its id
  name: string; // of the site
  takenBy: string;
  takenNote: string;
  mutedUntil: string | null;
  actBy: string | null;
  now: number;
  zone: string;
}

interface Mark {
  by: string;
  note: string;
  until: string | null;
}

const memory = "surgecast.name";

// myName is who marked something on this browser last.
export function myName(): string {
  try {
    return localStorage.getItem(memory) ?? "";
  } catch {
    return ""; // storage is switched off: the name is asked for each time
  }
}

export class Marks {
  readonly element = h("div", { class: "marks" });
  private shown: Marked | null = null;

  // changed is called after each mark, so that the page asks for news at once.
  constructor(private readonly changed: () => void) {}

  // show draws the controls; null: there is no surge to speak of.
  show(m: Marked | null): void {
    this.shown = m;
    this.element.hidden = m === null;
    const muted = m ? instant(m.mutedUntil) : Number.NaN;
    const focused = this.element.contains(document.activeElement);
    patch(this.element, m && [m.surge, m.takenBy, m.takenNote, muted, m.zone], () =>
      m === null
        ? []
        : [
            m.takenBy
              ? h("button", { type: "button", class: "small taken", click: () => this.taken() }, h("span", { "aria-hidden": "true" }, "✓ "), `Taken by ${m.takenBy}`)
              : h("button", { type: "button", class: "small", click: () => this.take() }, "I have it", h("span", { class: "sr" }, ` ${m.name}`)),
            Number.isFinite(muted)
              ? h("button", { type: "button", class: "small muted", click: () => this.unmute() }, "Muted until ", timeElement(muted, m.now, m.zone))
              : h("button", { type: "button", class: "small", click: () => this.mute() }, "Mute", h("span", { class: "sr" }, ` ${m.name}`), h("span", { "aria-hidden": "true" }, " …")),
          ],
    );
    // The button that was pressed is another one now: the focus stays in its place.
    if (focused && !this.element.contains(document.activeElement)) this.element.querySelector("button")?.focus();
  }

  // now shows what was just said at once, also on a page whose updates are paused.
  private now(what: Partial<Marked>): void {
    if (this.shown) this.show({ ...this.shown, ...what });
    this.changed();
  }

  private take(): void {
    const m = this.shown;
    if (!m) return;
    const by = h<HTMLInputElement>("input", { id: "mark-by", type: "text", maxlength: 100, autocomplete: "name", value: myName() });
    const note = h<HTMLInputElement>("input", { id: "mark-note", type: "text", maxlength: 500, autocomplete: "off" });
    dialog(
      this.element,
      `I have it: ${m.name}`,
      [
        h("p", { class: "note" }, "Everyone sees who has it. It clears by itself when the site recovers, or when the chance has risen by half."),
        h("div", { class: "entry" }, h("label", { for: "mark-by" }, "Your name"), by),
        h("div", { class: "entry" }, h("label", { for: "mark-note" }, "Note (optional)"), note),
      ],
      [["I have it", "Saving…", async () => {
        try {
          localStorage.setItem(memory, by.value.trim());
        } catch {
          // as above
        }
        const mark = await post<Mark>(path(m.surge, "ack"), { by: by.value.trim(), note: note.value.trim() });
        this.now({ takenBy: mark.by, takenNote: mark.note });
      }]],
    ); // prettier-ignore
  }

  private taken(): void {
    const m = this.shown;
    if (!m) return;
    dialog(
      this.element,
      `${m.takenBy} has ${m.name}`,
      [h("p", {}, m.takenNote || "No note."), h("p", { class: "note" }, "It clears by itself when the site recovers, or when the chance has risen by half.")],
      [["Undo: nobody has it", "Taking it back…", async () => {
        await del(path(m.surge, "ack"));
        this.now({ takenBy: "", takenNote: "" });
      }]],
    ); // prettier-ignore
  }

  private mute(): void {
    const m = this.shown;
    if (!m) return;
    const actBy = instant(m.actBy);
    const ahead = Number.isFinite(actBy) && actBy > m.now;
    const silence = (minutes: number | null): (() => Promise<void>) => async () => {
      const mark = await post<Mark>(path(m.surge, "mute"), { by: myName(), ...(minutes === null ? {} : { minutes }) });
      this.now({ mutedUntil: mark.until });
    };
    dialog(
      this.element,
      `Mute ${m.name}`,
      [
        h(
          "p",
          { class: "note" },
          "Silences messages to people, never the autoscaler; never past recovery",
          ...(ahead ? [", and never past the act-by, ", timeElement(actBy, m.now, m.zone)] : []),
          ".",
        ),
      ],
      [
        ["30 min", "Muting…", silence(30)],
        ["2 h", "Muting…", silence(120)],
        ...(ahead ? [["Until act-by", "Muting…", silence(null)] as Choice] : []),
      ],
    );
  }

  private unmute(): void {
    const m = this.shown;
    if (!m) return;
    dialog(
      this.element,
      `Messages about ${m.name} are muted`,
      [h("p", {}, "Until ", timeElement(instant(m.mutedUntil), m.now, m.zone), ". The autoscaler is not.")],
      [["Undo: send messages", "Sending again…", async () => {
        await del(path(m.surge, "mute"));
        this.now({ mutedUntil: null });
      }]],
    ); // prettier-ignore
  }
}

function path(surge: string, what: string): string {
  return `/v1/surges/${encodeURIComponent(surge)}/${what}`;
}

type Choice = [string, string, () => Promise<void>];

// dialog asks one thing; Escape and Cancel leave everything as it is, and the focus goes back to where it was.
function dialog(home: HTMLElement, title: string, body: Node[], choices: Choice[]): void {
  const words = h("p", { class: "failed", role: "alert" });
  const before = document.activeElement as HTMLElement | null;
  const buttons = choices.map(([label], i) => h<HTMLButtonElement>("button", { type: "submit", class: choices.length === 1 ? "main" : null, value: String(i) }, label));
  const d = h<HTMLDialogElement>(
    "dialog",
    { "aria-labelledby": "dialog-h" },
    h(
      "form",
      {
        submit: (e) => {
          e.preventDefault();
          const pressed = (e as SubmitEvent).submitter as HTMLButtonElement | null;
          const i = Math.max(0, buttons.indexOf(pressed ?? buttons[0]!));
          const [label, busy, run] = choices[i]!;
          for (const b of buttons) b.disabled = true;
          buttons[i]!.textContent = busy;
          words.textContent = "";
          run().then(
            () => d.close(),
            (problem: unknown) => {
              words.textContent = said(problem);
              for (const b of buttons) b.disabled = false;
              buttons[i]!.textContent = label;
            },
          );
        },
      },
      h("h2", { id: "dialog-h" }, title),
      ...body,
      words,
      h("div", { class: "inrow" }, ...buttons, h("button", { type: "button", click: () => d.close() }, "Cancel")),
    ),
  );
  d.addEventListener("close", () => {
    d.remove();
    // The button that opened it may be another one by now: its neighbour has the focus then.
    if (before?.isConnected) before.focus();
    else home.querySelector("button")?.focus();
  });
  document.body.append(d);
  d.showModal();
}

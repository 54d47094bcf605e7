import { get, said } from "./api";
import { h, patch } from "./element";
import { grouped, rate } from "./number";

interface Admission {
  stale: boolean;
  capacity_rpm: number | null;
  admit_rpm: number | null;
  expected_rpm_q95: number | null;
  requests_per_visitor: number;
  visit_minutes: number;
  new_visitors_per_minute: number;
  active_visitors: number;
  campaign: { recipients_per_minute: number; requests_per_recipient: number; window_minutes: number };
  cloudflare_waiting_room_event: unknown;
}

const figures: [string, string, number, number][] = [
  ["requests_per_visitor", "Requests of one visit", 10, 0.1],
  ["visit_minutes", "Minutes a visit lasts", 5, 0.5],
  ["requests_per_recipient", "Requests a recipient of a mailing brings", 0.2, 0.01],
  ["window_minutes", "Minutes the mailing must not collide with", 120, 5],
];

// AdmissionFold is for who runs a waiting room or sends a mailing: how many may come in a minute. It asks
// only while it is open; the figures of a visit are the reader's own.
export class AdmissionFold {
  readonly element = h<HTMLDetailsElement>("details", { class: "card fold" });
  private readonly out = h("div", { role: "status" });
  private readonly inputs = new Map<string, HTMLInputElement>();
  private asked = Number.NEGATIVE_INFINITY;
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly base: string) {
    for (const [name, , value, step] of figures) {
      const e = h<HTMLInputElement>("input", { id: `adm-${name}`, type: "number", min: step, step: "any", value, size: 8 });
      e.addEventListener("input", () => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => void this.ask(), 300);
      });
      this.inputs.set(name, e);
    }
    this.element.append(
      h("summary", {}, h("h2", {}, "Waiting room and mailings")),
      h("div", { class: "fields" }, ...figures.map(([name, label]) => h("div", { class: "field" }, h("label", { for: `adm-${name}` }, label), this.inputs.get(name)!))),
      this.out,
    );
    this.element.addEventListener("toggle", () => this.element.open && void this.ask());
  }

  // refresh asks again when what is shown has become old.
  refresh(): void {
    if (this.element.open && performance.now() - this.asked > 10_000) void this.ask();
  }

  private async ask(): Promise<void> {
    this.asked = performance.now();
    const turn = ++this.turn; // an answer to earlier figures comes too late
    const q = new URLSearchParams();
    for (const [name, e] of this.inputs) if (Number(e.value) > 0) q.set(name, e.value);
    try {
      const a = await get<Admission>(`${this.base}/admission?${q.toString()}`);
      if (turn === this.turn) patch(this.out, a, () => this.tell(a));
    } catch (e) {
      const words = said(e);
      if (turn === this.turn) patch(this.out, words, () => [h("p", { class: "note" }, words)]);
    }
  }

  private tell(a: Admission): (Node | string)[] {
    const fact = (k: string, v: string) => [h("dt", {}, k), h("dd", {}, v)];
    return [
      h(
        "dl",
        { class: "facts" },
        ...fact("new visitors a minute", grouped(a.new_visitors_per_minute)),
        ...fact("visitors at a time", grouped(a.active_visitors)),
        ...fact("recipients of a mailing a minute", a.campaign.recipients_per_minute > 0 ? grouped(a.campaign.recipients_per_minute) : "0: no room now"),
        ...fact("let in, requests a minute", `${rate(a.admit_rpm)} of ${rate(a.capacity_rpm)}`),
        ...fact("expected anyway, 19 in 20 stay under", `${rate(a.expected_rpm_q95)} requests a minute`),
      ),
      h("details", {}, h("summary", {}, "Cloudflare waiting-room event"), h("pre", { tabindex: "0", role: "region", "aria-label": "Cloudflare waiting-room event" }, JSON.stringify(a.cloudflare_waiting_room_event, null, 2))),
    ];
  }
}

import { get, put, Problem } from "./api";
import { h, patch } from "./element";
import { myName } from "./marks";
import { Form, type Value } from "./setupform";
import type { FullSite, Setting, Tab } from "./setuppage";
import { noSite, SiteChoice } from "./setupsite";
import { fromWall, wall } from "./setupwall";
import { instant, timeElement, withTimes } from "./zone";

interface Notice {
  shown: boolean;
  part: string;
  words: string;
  ahead: boolean;
  reference: string;
  since: string | null;
  back_from: string | null;
  back_by: string | null;
  by: string;
  set_at: string | null;
}

interface Status {
  word: string;
  sentence: string;
  words: string;
  part: string;
  reference: string;
}

// PublicTab: what the visitors of a site are told, in the owner's own words.
export class PublicTab implements Tab {
  readonly element = h("div", { class: "parts" });
  private readonly choice = new SiteChoice((site) => void this.fill(site));
  private readonly none = noSite();
  private readonly seen = h("section", { class: "card", "aria-labelledby": "seen-h" });
  private readonly card = h("section", { class: "card", "aria-labelledby": "notice-h" });
  private readonly form: Form;
  private readonly last = h("p", { class: "note" });
  private site: FullSite | null = null;
  private filled = ""; // whose words stand in the form
  private setting: Setting | null = null;

  constructor() {
    const time = { type: "datetime-local" };
    this.form = new Form(
      [
        { name: "shown", label: "The page is public", kind: "check", hint: "It never shows requests, units, topics or chances." },
        { name: "words", label: "Your own words (optional)", kind: "area", hint: "Shown as they are: “Orders already confirmed are safe.”", attributes: { maxlength: "500" } },
        { name: "ahead", label: "Announce an alert before anything is over capacity", kind: "check" },
        h("h3", { class: "wide" }, "Something is broken"),
        { name: "since", label: "Broken since", attributes: time, hint: "Empty: nothing is declared." },
        { name: "part", label: "What is affected", hint: "Checkout. Empty: the whole site.", attributes: { maxlength: "80" } },
        { name: "reference", label: "Reference visitors quote", hint: "Left empty, one is made.", attributes: { maxlength: "40" } },
        { name: "back_from", label: "Working again, at best", attributes: time, hint: "As likely before as after." },
        { name: "back_by", label: "… and at the latest", attributes: time, hint: "Visitors see this one, rounded up." },
        { name: "by", label: "Who says so", attributes: { maxlength: "100" } },
        this.last,
      ],
      { save: "Publish", busy: "Publishing…", done: "Published." },
      async (v) => {
        const x = this.site;
        if (!x) return;
        const at = (k: string): string | null => {
          const s = String(v[k]).trim();
          if (s === "") return null;
          const ms = fromWall(s, x.time_zone);
          if (!Number.isFinite(ms)) throw new Problem(0, "", "this is no date and time", "", k, "Use the form 2026-09-24T15:30.");
          return new Date(ms).toISOString();
        };
        const words = (k: string) => String(v[k]).trim();
        await put(`/v1/status/${encodeURIComponent(x.slug)}`, {
          shown: v["shown"], ahead: v["ahead"], words: words("words"), part: words("part"), reference: words("reference"), by: words("by"),
          since: at("since"), back_from: at("back_from"), back_by: at("back_by"),
        }); // prettier-ignore
        await this.fill(x);
        this.form.say(v["shown"] ? "Published." : "Saved. The page is not public.");
      },
    );
    this.card.append(h("h2", { id: "notice-h" }, "What the page says"), this.form.element);
    this.element.append(this.choice.element, this.none, this.seen, this.card);
  }

  async load(s: Setting): Promise<void> {
    this.setting = s;
    const site = this.choice.of(s);
    this.none.hidden = site !== null;
    this.stands(site !== null);
    if (site && site.slug !== this.site?.slug) await this.fill(site);
  }

  private stands(yes: boolean): void {
    this.card.hidden = !yes;
    this.seen.hidden = !yes;
  }

  private async fill(x: FullSite): Promise<void> {
    this.site = x;
    if (this.filled !== x.slug) this.stands(false); // the words of one site must not be published for another
    const slug = encodeURIComponent(x.slug);
    const n = await get<Notice>(`/v1/sites/${slug}/notice`);
    const status = n.shown ? await get<Status>(`/v1/status/${slug}`).catch(() => null) : null;
    if (this.site !== x) return; // another site was chosen meanwhile
    this.filled = x.slug;
    this.stands(true);
    const at = (s: string | null): Value => (s ? wall(instant(s), x.time_zone) : "");
    this.form.fill({ shown: n.shown, words: n.words ?? "", ahead: n.ahead ?? false, part: n.part ?? "", reference: n.reference ?? "", by: myName(), since: at(n.since), back_from: at(n.back_from), back_by: at(n.back_by) });
    const now = this.setting?.now ?? Number.NaN;
    const zone = this.setting?.shell.zone ?? x.time_zone;
    patch(this.last, [n.set_at, n.by, x.time_zone, zone], () => [
      `Times in this form are in ${x.time_zone}. `,
      ...(n.set_at ? ["Last published ", timeElement(instant(n.set_at), now, zone), n.by ? ` by ${n.by}.` : "."] : ["Never published."]),
    ]);
    patch(this.seen, [n.shown, status, x.slug], () => [
      h("h2", { id: "seen-h" }, "What visitors see now"),
      ...(status
        ? [
            h("p", {}, h("b", {}, status.word), status.part ? ` (${status.part})` : ""),
            status.sentence === `${status.word}.` ? null : h("p", {}, ...withTimes(status.sentence)), // the word has said it
            status.words ? h("p", {}, status.words) : null,
            h("p", { class: "note" }, status.reference ? `Reference ${status.reference}. ` : "", h("a", { href: `/status/${x.slug}` }, "Open the page")),
          ]
        : [h("p", {}, n.shown ? "The page is public, but it does not answer now." : "Nothing: the page is not public.")]),
    ]);
  }
}

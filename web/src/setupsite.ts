import { h, patch } from "./element";
import type { FullSite, Setting } from "./setuppage";
import { setQuery } from "./shell";

// SiteChoice is the menu of sites above a form that is about one of them; the choice is in the address.
export class SiteChoice {
  readonly element = h("div", { class: "inrow sitechoice" });
  private readonly menu = h<HTMLSelectElement>("select", { id: "chosen" });

  constructor(private readonly changed: (site: FullSite) => void) {
    this.element.append(h("label", { for: "chosen" }, "Site"), this.menu);
    this.menu.addEventListener("change", () => {
      setQuery("site", this.menu.value);
      const site = this.sites.find((s) => s.slug === this.menu.value);
      if (site) this.changed(site);
    });
  }

  private sites: FullSite[] = [];

  // of answers the site the form is about; null: there is none yet.
  of(s: Setting): FullSite | null {
    this.sites = s.sites;
    const asked = new URLSearchParams(location.search).get("site");
    const site = s.sites.find((x) => x.slug === asked) ?? s.sites[0] ?? null;
    patch(this.menu, s.sites.map((x) => [x.slug, x.name]), () => s.sites.map((x) => h("option", { value: x.slug }, x.name)));
    if (site) this.menu.value = site.slug;
    this.element.hidden = s.sites.length === 0;
    return site;
  }
}

export function noSite(): HTMLElement {
  return h("p", { class: "card" }, "There is no site yet. ", h("a", { href: "/setup?tab=sites" }, "Add one"), " (2 minutes).");
}

import type { Site } from "./documents";
import { h } from "./element";
import { withTimes } from "./zone";

const most = 3;

// demoted says that the ledger took a site from act to advise, in its own words, and where to switch it on again.
export function demoted(s: Site): (Node | string)[] {
  if (!s.mode_why) return [];
  return [h("span", {}, ...withTimes(s.mode_why)), " ", h("a", { href: "/setup?tab=sites" }, "Change its mode")];
}

// demotedSites are the sites of a list of which that is to be said; of many, the first few.
export function demotedSites(all: Site[]): Node[] {
  const sites = all.filter((s) => s.mode_why);
  return [
    ...sites.slice(0, most).map((s) => h("li", {}, h("a", { href: `/sites/${s.slug}` }, s.name), ": ", ...withTimes(s.mode_why!))),
    ...(sites.length > most ? [h("li", {}, `${sites.length - most} more no longer act on their own: see `, h("a", { href: "/setup?tab=sites" }, "Setup"), ".")] : []),
  ];
}

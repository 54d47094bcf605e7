import { post, Problem, put } from "./api";
import { slugOf, terms } from "./topicterms";

// A check as the API answers it. Its sentences are shown as they are.

export type CheckWord = "gift" | "both" | "threat" | "not_noticeable" | "cannot_tell";

export interface CheckAnswer {
  site: string;
  name: string;
  now: string;
  word: CheckWord;
  state: string;
  headline: string;
  sentence: string;
  caveats: string[] | null;
  basis: "counted" | "recent" | "prior";
  topic: string;
  linked: boolean;
  mentions_per_minute: number | null;
  usual_mentions_per_minute: number | null;
  times_usual: number | null;
  doubling_minutes: number | null;
  until: string;
  probability: number | null;
  capacity_rpm: number | null;
  probability_alone: number | null;
  visits_basis: "own" | "similar_sites";
  counted: { source: string; since: string; through: string; summed: boolean }[] | null;
  simulated: boolean;
  time_zone: string;
}

export function check(text: string, site: string): Promise<CheckAnswer> {
  return post<CheckAnswer>("/v1/check", { text, site });
}

// words say what an answer is; the shape stands beside the word and never alone.
export const words: Record<CheckWord, { word: string; shape: string; tone: string }> = {
  gift: { word: "Gift", shape: "●", tone: "calm" },
  both: { word: "Both", shape: "▲", tone: "watch" },
  threat: { word: "Threat", shape: "◆", tone: "alert" },
  not_noticeable: { word: "Not noticeable", shape: "●", tone: "quiet" },
  cannot_tell: { word: "Cannot tell", shape: "?", tone: "unknown" },
};

export const bases: Record<CheckAnswer["basis"], string> = {
  counted: "Based on this topic's own counts.",
  recent: "Based on counts of the last hours only.",
  prior: "Based on nothing counted yet.",
};

// watch counts what was typed from now on and lets it feed the site. A slug that is taken gets a number.
export async function watch(text: string, site: string, known: string): Promise<string> {
  let slug = known;
  if (slug === "") {
    const any = terms(text);
    const base = slugOf(any[0] ?? text);
    for (let n = 1; ; n++) {
      slug = n === 1 ? base : `${base}-${n}`;
      try {
        await post("/v1/topics", { slug, name: any[0] ?? text, any });
        break;
      } catch (e) {
        if (!(e instanceof Problem) || e.code !== "already_exists" || n >= 9) throw e;
      }
    }
  }
  await put(`/v1/sites/${encodeURIComponent(site)}/topics/${encodeURIComponent(slug)}`, {});
  return slug;
}

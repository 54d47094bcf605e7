// What a person types as a topic, read as the server reads it (risk.Terms): commas between terms, quotes
// around phrases.

export function terms(text: string): string[] {
  return text
    .split(/[,;\n]/)
    .map((t) => t.trim().replace(/^["“”„']+|["“”„']+$/g, ""))
    .filter((t) => t !== "");
}

// typed is the way back.
export function typed(list: string[] | null | undefined): string {
  return (list ?? []).join(", ");
}

// slugOf makes a name for addresses from words: "Nordlicht tour" is nordlicht-tour.
export function slugOf(words: string): string {
  const s = words
    .toLowerCase()
    .replaceAll("ä", "ae")
    .replaceAll("ö", "oe")
    .replaceAll("ü", "ue")
    .replaceAll("ß", "ss")
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 50)
    .replace(/-+$/, "");
  return s === "" ? "topic" : s;
}

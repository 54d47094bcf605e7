import { h } from "./element";

// saveFile hands a text made in the browser to the reader as a file.
export function saveFile(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const a = h<HTMLAnchorElement>("a", { href: address, download: name, hidden: true });
  document.body.append(a);
  a.click();
  a.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// csv writes rows as RFC 4180 does. A cell that a spreadsheet would take for a formula gets an apostrophe
// before it (OWASP, CSV injection).
export function csv(rows: readonly (readonly string[])[]): string {
  const cell = (s: string) => {
    const safe = /^[=+\-@\t\r]/.test(s) ? `'${s}` : s;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return rows.map((r) => `${r.map(cell).join(",")}\r\n`).join("");
}

// copy puts a text on the clipboard and reports whether it is there. Pages that came without encryption have
// no clipboard to write to; for them the old way is tried.
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h<HTMLTextAreaElement>("textarea", { class: "sr", readonly: true });
    area.value = text;
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
    return done;
  }
}

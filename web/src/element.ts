// Building the page: text is always a text node, so nothing the API says can become markup.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((e: Event) => void)>;

const svgNames = new Set(["svg", "path", "line", "circle", "rect", "text", "g", "polyline", "defs", "pattern", "title"]);

// h makes an element. A function is a listener, false and null leave the attribute out.
export function h<T extends Element = HTMLElement>(name: string, attributes: Attributes = {}, ...children: Child[]): T {
  const e = svgNames.has(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") e.addEventListener(key, value);
    else if (value === true) e.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) e.setAttribute(key, String(value));
  }
  for (const c of children) if (c !== null && c !== undefined && c !== false) e.append(c);
  return e as unknown as T;
}

const drawn = new WeakMap<Element, string>();

// patch replaces what is inside e only when what it shows has changed: quiet updates leave focus,
// selection and open details alone.
export function patch(e: Element, shown: unknown, build: () => (Node | string | null | false)[]): void {
  const key = JSON.stringify(shown);
  if (drawn.get(e) === key) return;
  drawn.set(e, key);
  e.replaceChildren(...build().filter((n): n is Node | string => n !== null && n !== false));
}

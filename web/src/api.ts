// get and post speak to our own server and to no other. A refused key ends in Unauthorised, so that one
// place shows the login; everything else becomes a Problem with the server's own words.

export class Unauthorised extends Error {
  override readonly name = "Unauthorised";
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly reference: string,
    readonly field = "",
    readonly remedy = "",
    readonly code = "",
  ) {
    super(detail || title);
  }
}

// said is a problem in words: what is wrong, what to do, and what to quote.
export function said(e: unknown): string {
  if (!(e instanceof Problem)) return e instanceof Error ? e.message : "Something went wrong on this page.";
  const sentence = (s: string) => (s === "" ? "" : s[0]!.toUpperCase() + s.slice(1) + (/[.!?]$/.test(s) ? "" : "."));
  return [sentence(e.detail || e.title), sentence(e.remedy), e.reference ? `Reference ${e.reference}.` : ""].filter((s) => s !== "").join(" ");
}

async function request<T>(path: string, init: RequestInit): Promise<T> {
  return (await (await ask(path, init)).json().catch(() => null)) as T; // 204 has no body
}

const patience = 30_000; // longer than the server takes for anything a page reads

async function ask(path: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  // What is sent may be large and take its time; what is read and does not come would hold up all that is read after it.
  const signal = init.method ? null : AbortSignal.timeout(patience);
  try {
    answer = await fetch(path, { credentials: "same-origin", signal, ...init, headers: { Accept: "application/json", ...init.headers } });
  } catch {
    throw new Problem(0, "No answer", "The server does not answer. Trying again.", "");
  }
  if (answer.status === 401) throw new Unauthorised();
  if (!answer.ok) {
    const body: unknown = await answer.json().catch(() => null);
    const p = (body ?? {}) as { title?: string; detail?: string; reference?: string; field?: string; remedy?: string; code?: string };
    throw new Problem(answer.status, p.title ?? `Error ${answer.status}`, p.detail ?? "", p.reference ?? "", p.field ?? "", p.remedy ?? "", p.code ?? "");
  }
  return answer;
}

// getText is for what is no JSON, or is wanted as it was sent.
export async function getText(path: string): Promise<string> {
  return (await ask(path, {})).text();
}

export function get<T>(path: string): Promise<T> {
  return request<T>(path, {});
}

function send<T>(method: string, path: string, body: unknown): Promise<T> {
  if (body === undefined) return request<T>(path, { method });
  return request<T>(path, { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
}

export function post<T>(path: string, body?: unknown): Promise<T> {
  return send("POST", path, body);
}

export function put<T>(path: string, body: unknown): Promise<T> {
  return send("PUT", path, body);
}

export function del<T>(path: string): Promise<T> {
  return send("DELETE", path, undefined);
}

// upload sends a file as it is; what it holds the server finds out.
export function upload<T>(path: string, file: Blob): Promise<T> {
  return request<T>(path, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
}

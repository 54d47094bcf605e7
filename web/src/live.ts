// Live keeps one stream of events open and comes back after a break. A browser gives up for good when
// the server answers an error instead of a stream, so that case is retried here, ever more slowly.

export interface Events {
  forecast: (data: unknown) => void;
  surge: (data: unknown) => void;
  clock: (data: unknown) => void;
  connected: (yes: boolean) => void;
}

export class Live {
  private source: EventSource | null = null;
  private wait = 1000;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;

  constructor(
    private readonly url: string,
    private readonly on: Events,
  ) {}

  start(): void {
    this.stopped = false;
    this.open();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  private open(): void {
    this.source?.close();
    const s = new EventSource(this.url);
    this.source = s;
    s.onopen = () => {
      this.wait = 1000;
      this.on.connected(true);
    };
    s.onerror = () => {
      if (this.stopped) return;
      this.on.connected(false);
      if (s.readyState !== EventSource.CLOSED) return; // the browser reconnects by itself
      this.timer = setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(2 * this.wait, 30_000);
    };
    for (const name of ["forecast", "surge", "clock"] as const) {
      s.addEventListener(name, (e) => {
        let data: unknown;
        try {
          data = JSON.parse((e as MessageEvent<string>).data);
        } catch {
          return; // a cut-off event: the next one carries everything
        }
        this.on[name](data);
      });
    }
  }
}

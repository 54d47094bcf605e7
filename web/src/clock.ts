// ServerClock tells the server's time. Demo and replay run on virtual time, so the browser's own clock
// is never read: between two words of the server its time is carried on by a stopwatch times the speed.
export class ServerClock {
  private base = Number.NaN;
  private started = 0;
  private speed = 1;
  private running = true;
  private advanced = 0; // stopwatch when the server's time last moved on
  private static readonly ahead = 2; // seconds of the stopwatch a virtual clock is carried on
  private static readonly silence = 35; // seconds: the server says its time every 15, and one may be late
  private readonly stopwatch: () => number;

  constructor(stopwatch: () => number = () => performance.now()) {
    this.stopwatch = stopwatch;
  }

  // set takes the server's word; a document carries only the time, a clock event the speed too.
  set(now: number, speed = this.speed): void {
    if (!Number.isFinite(now)) return;
    if (!(now <= this.base)) this.advanced = this.stopwatch();
    this.base = now;
    this.speed = speed;
    this.started = this.stopwatch();
  }

  // now is in milliseconds, NaN before the server's first word.
  now(): number {
    if (!this.running) return this.base;
    const passed = this.stopwatch() - this.started;
    // A virtual clock stands still while its server works: without a new word it is not carried on for long.
    return this.base + (this.live ? passed : Math.min(passed, 1000 * ServerClock.ahead)) * this.speed;
  }

  // hold stops the clock where it is: a virtual clock must not run on without its server.
  hold(): void {
    this.base = this.now();
    this.running = false;
  }

  resume(): void {
    if (this.running) return;
    this.started = this.stopwatch();
    this.running = true;
  }

  // silent is whether the server's time has stood still for longer than it may: the line is open and nothing comes, or
  // what comes says the same moment again and again. A clock as good as stopped promises nothing.
  get silent(): boolean {
    return this.speed >= 1 && Number.isFinite(this.base) && this.stopwatch() - this.advanced > 1000 * ServerClock.silence;
  }

  // listen forgives the silence so far: the server was not listened to.
  listen(): void {
    this.advanced = this.stopwatch();
  }

  get live(): boolean {
    return this.speed === 1;
  }
}

// ServerClock tells the server's time. Demo and replay run on virtual time, so the browser's own clock
// is never read: between two words of the server its time is carried on by a stopwatch times the speed.
export class ServerClock {
  private base = Number.NaN;
  private started = 0;
  private speed = 1;
  private running = true;
  private static readonly ahead = 2; // seconds of the stopwatch a virtual clock is carried on
  private readonly stopwatch: () => number;

  constructor(stopwatch: () => number = () => performance.now()) {
    this.stopwatch = stopwatch;
  }

  // set takes the server's word; a document carries only the time, a clock event the speed too.
  set(now: number, speed = this.speed): void {
    if (!Number.isFinite(now)) return;
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

  get live(): boolean {
    return this.speed === 1;
  }
}

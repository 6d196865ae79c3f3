// A timer that runs only while there is something to look after, and one for all connections instead of one for each.

export class Ticker {
  readonly #step: (now: number, punctual: boolean) => boolean;
  #periodMs: number;
  #timer: NodeJS.Timeout | null = null;
  #due = 0;

  /**
   * `step` returns whether to go on. It is told when it is called much too late: then the process was held up, what has
   * arrived meanwhile is still unread (timers come before sockets in libuv's round), and nobody is to be blamed for it.
   */
  constructor(periodMs: number, step: (now: number, punctual: boolean) => boolean) {
    this.#periodMs = periodMs;
    this.#step = step;
  }

  /** Takes effect with the next start. */
  shorten(periodMs: number): void {
    this.#periodMs = Math.min(this.#periodMs, periodMs);
  }

  start(): void {
    if (this.#timer !== null) return;
    this.#due = performance.now() + this.#periodMs;
    this.#timer = setInterval(() => {
      const now = performance.now();
      const punctual = now - this.#due < this.#periodMs;
      this.#due = now + this.#periodMs;
      if (!this.#step(now, punctual)) this.stop();
    }, this.#periodMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

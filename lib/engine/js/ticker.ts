// A timer for all connections, which runs only while there is something to look after.

export class Ticker {
  readonly #step: (now: number, punctual: boolean) => boolean;
  #periodMs: number;
  #timer: NodeJS.Timeout | null = null;
  #due = 0;
  #wasLate = false;

  /**
   * `step` returns whether to continue. `punctual` is false when it is called much too late: the process was held up,
   * what arrived in the meantime is still unread (timers come before sockets in libuv's round), and no peer is to
   * blame. The next step counts as punctual however late it is, because everything has been read by then.
   */
  constructor(periodMs: number, step: (now: number, punctual: boolean) => boolean) {
    this.#periodMs = periodMs;
    this.#step = step;
  }

  /** Makes the period at most this long. */
  shorten(periodMs: number): void {
    if (periodMs >= this.#periodMs) return;
    this.#periodMs = periodMs;
    if (this.#timer === null) return;
    this.stop();
    this.start();
  }

  start(): void {
    if (this.#timer !== null) return;
    this.#due = performance.now() + this.#periodMs;
    this.#wasLate = false;
    this.#timer = setInterval(() => this.#tick(), this.#periodMs);
    this.#timer.unref();
  }

  #tick(): void {
    const now = performance.now();
    const punctual = this.#wasLate || now - this.#due < this.#periodMs;
    this.#wasLate = !punctual;
    this.#due = now + this.#periodMs;
    if (!this.#step(now, punctual)) this.stop();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

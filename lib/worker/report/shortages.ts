// Logs what this worker had to give up because the machine ran short, without flooding the log: the first time at once, then at
// most one line in ten seconds with what has been added since.

import type { Exhaustion } from '../../engine/engine.ts';
import { createThrottle } from '../../throttle.ts';
import type { Reporter } from './reporter.ts';

const LOOK_MS = 500;

export interface ShortageWatch {
  /** `now` in ms, monotonic. */
  look(now: number): void;
  close(): void;
}

/** `read` returns absolute counts by exhausted resource: `accept EMFILE`, `descriptors`. */
export function watchShortages(read: () => Exhaustion, reporter: Pick<Reporter, 'log'>): ShortageWatch {
  let reported: Exhaustion = {};
  const throttle = createThrottle();

  function look(now: number): void {
    if (!throttle.isOpen(now)) return;
    const counts = read();
    const since = Object.entries(counts).flatMap(([what, count]) => {
      const more = count - (reported[what] ?? 0);
      return more > 0 ? [[what, more] as const] : [];
    });
    if (since.length === 0) return;
    reported = counts;
    throttle.close(now);
    const what_happened = `a worker ran short: ${since.map(([what, count]) => `${what} (${count})`).join(', ')}`;
    reporter.log({
      level: 'warn',
      module: 'worker',
      event: 'worker.short',
      message: what_happened,
      fields: {
        pid: process.pid,
        since: Object.fromEntries(since),
        total: counts,
        what_happened,
        why_likely: 'the limit of file descriptors, the ports for outgoing connections or the memory is used up',
        do_this_now:
          "run 'bal doctor --verbose'; raise the limit (ulimit -Hn, LimitNOFILE= of systemd) and restart bal",
      },
    });
  }

  const timer = setInterval(() => look(performance.now()), LOOK_MS).unref();
  return {
    look,
    close() {
      clearInterval(timer);
    },
  };
}

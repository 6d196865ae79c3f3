// A worker's counters on their way to the primary: twice a second by themselves (which is also the heartbeat), at once
// when asked, and a last time at the end. A worker that only waits for its last connections sends them when they have
// changed, and is heard of all the same.

import { send, trySend } from '../ipc/channel.ts';
import type { ToPrimary } from '../ipc/messages.ts';

const INTERVAL_MS = 500;
/** With least_connections the other workers balance by these figures, so that they must not be old. */
const BALANCING_INTERVAL_MS = 100;
/** At rest a worker looks less often, and every second time it sends something although nothing has changed: it does not hang. */
const AT_REST_MS = 1000;
const HEARTBEAT_EVERY = 2;

let lastRss = 0;

/** Reading it opens a file, and throws when the descriptors have run out. */
function rss(): number {
  try {
    lastRss = process.memoryUsage.rss();
  } catch {
    // The last known figure has to do: a report is the heartbeat, and nothing to die for.
  }
  return lastRss;
}

export interface Reports {
  /** Begins to report by itself; `balancing`: other workers choose backends by it. */
  begin(balancing: boolean): void;
  /** Answers the primary's `report`. */
  answer(id: number): void;
  /** From now on nothing is sent twice, but a heartbeat. */
  rest(): void;
  /** Sends the last report. */
  close(): void;
}

/** `takeReached` gives each news once. */
export function createReports(values: () => readonly number[], takeReached: () => readonly number[]): Reports {
  let timer: NodeJS.Timeout | undefined;

  function report(id: number | null): Extract<ToPrimary, { kind: 'counters' }> {
    return { kind: 'counters', id, values: values(), rssBytes: rss(), reached: takeReached() };
  }

  return {
    begin(balancing) {
      const interval = balancing ? BALANCING_INTERVAL_MS : INTERVAL_MS;
      timer ??= setInterval(() => {
        trySend(report(null));
      }, interval).unref();
    },
    rest() {
      clearInterval(timer);
      let sent: readonly number[] = [];
      let quiet = 0;
      timer = setInterval(() => {
        const now = values();
        const same = now.every((value, i) => value === sent[i]);
        if (same && ++quiet < HEARTBEAT_EVERY) return;
        quiet = 0;
        sent = now;
        const whole = report(null);
        // A report cut short changes only what it has.
        trySend(same ? { ...whole, values: [] } : whole);
      }, AT_REST_MS).unref();
    },
    answer(id) {
      send(report(id));
    },
    close() {
      clearInterval(timer);
      send(report(null));
    },
  };
}

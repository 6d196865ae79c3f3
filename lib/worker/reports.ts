// A worker's counters on their way to the primary: twice a second by themselves (which is also the heartbeat), at once
// when asked, and a last time at the end.

import { send, trySend } from '../ipc/channel.ts';

const INTERVAL_MS = 500;

export interface Reports {
  /** Answers the primary's `report`. */
  answer(id: number): void;
  /** Sends the last report. */
  close(): void;
}

export function createReports(values: () => readonly number[]): Reports {
  const timer = setInterval(() => {
    trySend({ kind: 'counters', id: null, values: values(), rssBytes: process.memoryUsage.rss() });
  }, INTERVAL_MS);
  timer.unref();
  return {
    answer(id) {
      send({ kind: 'counters', id, values: values(), rssBytes: process.memoryUsage.rss() });
    },
    close() {
      clearInterval(timer);
      send({ kind: 'counters', id: null, values: values(), rssBytes: process.memoryUsage.rss() });
    },
  };
}

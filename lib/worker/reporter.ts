// What a worker tells the primary about failed connects and log lines: the first at once, a flood coalesced, so that a
// dead backend under heavy traffic costs a few messages a second and is still known within milliseconds.

import { send, trySend } from '../ipc/channel.ts';
import type { ConnectFailure, LogLine } from '../ipc/messages.ts';

const COALESCE_MS = 50;
const MAX_LINES = 1000;

interface Pending {
  readonly backend: number;
  readonly cause: ConnectFailure;
  count: number;
}

export interface Reporter {
  connectFailed(backend: number, cause: ConnectFailure): void;
  log(line: LogLine): void;
  /** Sends what is waiting and stops the timer. */
  close(): void;
}

export function createReporter(): Reporter {
  const failures = new Map<string, Pending>();
  let lines: LogLine[] = [];
  let dropped = 0;
  let timer: NodeJS.Timeout | null = null;

  function flush(): void {
    for (const pending of failures.values()) {
      if (pending.count > 0) send({ kind: 'connect_failed', ...pending });
    }
    failures.clear();
    if (lines.length === 0 && dropped === 0) return;
    if (trySend({ kind: 'log', lines, dropped })) dropped = 0;
    else dropped += lines.length;
    lines = [];
  }

  function schedule(): void {
    timer ??= setTimeout(() => {
      timer = null;
      flush();
    }, COALESCE_MS);
  }

  return {
    connectFailed(backend, cause) {
      const key = `${backend} ${cause}`;
      const pending = failures.get(key);
      if (pending !== undefined) {
        pending.count++;
        return;
      }
      send({ kind: 'connect_failed', backend, cause, count: 1 });
      // Count 0: those that follow within the window are sent together at its end.
      failures.set(key, { backend, cause, count: 0 });
      schedule();
    },
    log(line) {
      if (lines.length >= MAX_LINES) dropped++;
      else lines.push(line);
      schedule();
    },
    close() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      flush();
    },
  };
}

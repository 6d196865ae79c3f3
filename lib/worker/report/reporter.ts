// Reports failed connects and log lines to the primary: the first failure at once, then coalesced. So a dead endpoint under heavy
// traffic costs a few messages a second and is still known within milliseconds.

import { send, trySend } from '../../ipc/channel.ts';
import type { ConnectFailure } from '../../engine/engine.ts';
import type { LogLine } from '../../ipc/messages.ts';
import { toMachine } from '../../machine-clock.ts';

const COALESCE_MS = 50;
const MAX_LINES = 1000;

interface Pending {
  readonly endpoint: number;
  readonly cause: ConnectFailure;
  count: number;
  /** performance.now() when the latest of these attempts began. */
  began: number;
}

export interface Reporter {
  /** `began`: performance.now() when the attempt began. */
  connectFailed(endpoint: number, cause: ConnectFailure, began: number): void;
  /** The same for early failures; the caller must limit the rate. */
  earlyFailures(endpoint: number, began: number): void;
  log(line: LogLine): void;
  /** Sends what is waiting. */
  flush(): void;
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
      if (pending.count > 0) sendFailure(pending);
    }
    failures.clear();
    if (lines.length === 0 && dropped === 0) return;
    if (trySend({ kind: 'log', lines, dropped })) dropped = 0;
    else dropped += lines.length;
    lines = [];
  }

  function sendFailure({ endpoint, cause, count, began }: Pending): void {
    send({ kind: 'connect_failed', endpoint, cause, count, began: toMachine(began) });
  }

  function schedule(): void {
    timer ??= setTimeout(() => {
      timer = null;
      flush();
    }, COALESCE_MS);
  }

  return {
    connectFailed(endpoint, cause, began) {
      const key = `${endpoint} ${cause}`;
      const pending = failures.get(key);
      if (pending !== undefined) {
        pending.count++;
        // The latest attempt says most: if it began after the endpoint was last seen to work, the endpoint fails, whatever the others say.
        pending.began = Math.max(pending.began, began);
        return;
      }
      sendFailure({ endpoint, cause, count: 1, began });
      // Count 0: failures within the window are sent together at its end.
      failures.set(key, { endpoint, cause, count: 0, began });
      schedule();
    },
    earlyFailures: (endpoint, began) => send({ kind: 'early_failures', endpoint, began: toMachine(began) }),
    log(line) {
      if (lines.length >= MAX_LINES) dropped++;
      else lines.push(line);
      schedule();
    },
    flush,
    close() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      flush();
    },
  };
}

// One record for each connection that ended: a finished log line, so that the primary only has to write it. Lines go
// out in batches; what cannot be sent is dropped and counted, because a record must never slow the traffic.

import { trySend } from '../ipc/channel.ts';
import type { Reason } from '../ipc/reasons.ts';
import { FAILED } from '../ipc/reasons.ts';

const SEND_BYTES = 32 * 1024;
const SEND_MS = 100;
/** Refusals can come as fast as clients can connect; of their records so many are kept in a second. */
const REFUSALS_PER_SECOND = 100;
const REFUSALS: ReadonlySet<Reason> = new Set<Reason>(['overload', 'no_backend', 'connect_failed']);

export interface Ended {
  /** `ip:port`; none of the texts needs escaping: addresses, and names that the configuration has checked. */
  readonly client: string;
  readonly service: string;
  /** The one it was connected to, or that was being tried when it ended; null when there was none. */
  readonly backend: string | null;
  readonly attempts: number;
  readonly connectMs: number | null;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly reason: Reason;
}

export interface Records {
  add(ended: Ended): void;
  /** Sends what is waiting and stops the timer. */
  close(): void;
}

export function createRecords(): Records {
  let lines = '';
  let dropped = 0;
  let count = 0;
  let timer: NodeJS.Timeout | null = null;
  let second = 0;
  let refusals = 0;

  function flush(): void {
    if (lines === '' && dropped === 0) return;
    if (trySend({ kind: 'records', lines, dropped })) dropped = 0;
    else dropped += count;
    lines = '';
    count = 0;
  }

  function schedule(): void {
    timer ??= setTimeout(() => {
      timer = null;
      flush();
    }, SEND_MS);
  }

  return {
    add(ended) {
      const now = Date.now();
      if (REFUSALS.has(ended.reason)) {
        const current = Math.floor(now / 1000);
        if (current !== second) refusals = 0;
        second = current;
        if (++refusals > REFUSALS_PER_SECOND) {
          dropped++;
          // Also when nothing else comes: the count is to be known.
          schedule();
          return;
        }
      }
      lines += format(ended, now);
      count++;
      if (lines.length > SEND_BYTES) flush();
      schedule();
    },
    close() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      flush();
    },
  };
}

let lastMs = 0;
let lastText = '';

/** As in the log's contract: timestamp, level, message, module, event, fields. Concatenated, not stringified: 1 µs instead of 3. */
function format(it: Ended, now: number): string {
  if (now !== lastMs) {
    lastMs = now;
    lastText = new Date(now).toISOString();
  }
  const backend = it.backend === null ? 'null' : `"${it.backend}"`;
  const connectMs = it.connectMs === null ? 'null' : it.connectMs.toFixed(3);
  const level = FAILED.has(it.reason) ? 'WARN' : 'INFO';
  return (
    `{"timestamp":"${lastText}","level":"${level}","message":"connection ended: ${it.reason}","module":"connection",` +
    `"event":"connection.ended","fields":{"client":"${it.client}","service":"${it.service}","backend":${backend},` +
    `"attempts":${it.attempts},"connect_ms":${connectMs},"duration_ms":${it.durationMs.toFixed(3)},` +
    `"bytes_in":${it.bytesIn},"bytes_out":${it.bytesOut},"reason":"${it.reason}"}}\n`
  );
}

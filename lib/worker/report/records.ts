// Sends one record per ended connection to the primary, in batches that it only has to write. Drops and counts what it cannot
// send: a record must never slow the traffic.

import { REFUSALS, type Reason } from '../../ipc/reasons.ts';
import type { Ended } from './record-buffer.ts';
import { createRecordBuffer } from './record-buffer.ts';
import type { RecordPipe } from './record-pipe.ts';

/** Each batch wakes up both processes, whatever its size. */
const SEND_MS = 250;
/** Refusals come as fast as clients can connect, so at most this many of their records are kept per second. */
const REFUSALS_PER_SECOND = 100;
const REFUSED: ReadonlySet<Reason> = new Set<Reason>(REFUSALS);

export interface Records {
  add(ended: Ended): void;
  /** See RecordBuffer.forget(). */
  forget(service: string, backend: string): void;
  /** Sends what is waiting. Always calls `done`: when it is written, when it cannot be, or after a moment. */
  close(done: () => void): void;
}

/** `reportDropped` tells the primary how many were dropped; false: it could not. */
export function createRecords(pipe: RecordPipe, reportDropped: (dropped: number) => boolean): Records {
  const buffer = createRecordBuffer();
  let dropped = 0;
  let timer: NodeJS.Timeout | null = null;
  let second = 0;
  let refusals = 0;

  function flush(): void {
    const { count } = buffer;
    if (count > 0 && !pipe.write(buffer.take())) dropped += count;
    if (dropped > 0 && reportDropped(dropped)) dropped = 0;
  }

  function schedule(): void {
    timer ??= setTimeout(() => {
      timer = null;
      flush();
      // Report the count even if no other connection ends.
      if (dropped > 0) schedule();
    }, SEND_MS);
  }

  return {
    add(ended) {
      const now = Date.now();
      if (REFUSED.has(ended.reason)) {
        const current = Math.floor(now / 1000);
        if (current !== second) refusals = 0;
        second = current;
        if (++refusals > REFUSALS_PER_SECOND) {
          dropped++;
          schedule();
          return;
        }
      }
      buffer.add(ended, now);
      if (buffer.full) flush();
      else schedule();
    },
    forget: (service, backend) => buffer.forget(service, backend),
    close(done) {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      flush();
      pipe.end(done);
    },
  };
}

// One record for each connection that ended, sent to the primary in batches: it only has to write them. What cannot be
// sent is dropped and counted, because a record must never slow the traffic.

import { REFUSALS, type Reason } from '../../ipc/reasons.ts';
import type { Ended } from './record-buffer.ts';
import { createRecordBuffer } from './record-buffer.ts';
import type { RecordPipe } from './record-pipe.ts';

/** A batch costs both processes a wake-up each, whatever is in it. */
const SEND_MS = 250;
/** Refusals can come as fast as clients can connect; of their records so many are kept in a second. */
const REFUSALS_PER_SECOND = 100;
const REFUSED: ReadonlySet<Reason> = new Set<Reason>(REFUSALS);

export interface Records {
  add(ended: Ended): void;
  /** Sends what is waiting; `done` is called in any case: when it is written, cannot be, or is not taken within a moment. */
  close(done: () => void): void;
}

/** `reportDropped` says to the primary how many were dropped; false when it cannot be told now. */
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
      // The count is to be known, also when no other connection ends.
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
    close(done) {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      flush();
      pipe.end(done);
    },
  };
}

// The worker's end of the pipe on which its records go to the primary. Never waits, never throws, never queues without
// bound: what the primary does not take in time is refused here.

import type { Buffer } from 'node:buffer';
import { Socket } from 'node:net';

import { RECORDS_FD } from '../../ipc/records.ts';

/** Beyond what the kernel's buffer holds. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** What the primary does not read in this time at the end is lost. */
const END_MS = 1000;

export interface RecordPipe {
  /** Whole lines, which are the pipe's from now on. False when they are not taken. */
  write(lines: Buffer): boolean;
  /** `done` is called in any case: when all that was taken is written, cannot be, or is not taken within a moment. */
  end(done: () => void): void;
}

export function openRecordPipe(): RecordPipe {
  const pipe = new Socket({ fd: RECORDS_FD, readable: false, writable: true });
  // The primary is gone; `destroyed` says so from now on.
  pipe.on('error', () => undefined);
  // By itself it keeps no worker alive.
  pipe.unref();
  return {
    write(lines) {
      if (pipe.destroyed || pipe.writableLength > MAX_WAITING_BYTES) return false;
      pipe.write(lines);
      return true;
    },
    end(done) {
      const late = setTimeout(() => pipe.destroy(), END_MS);
      pipe.end(() => {
        clearTimeout(late);
        done();
      });
    },
  };
}

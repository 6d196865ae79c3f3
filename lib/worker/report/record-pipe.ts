// The worker's end of the pipe that carries its records to the primary. Never waits, never throws, and never queues without
// bound: rejects what the primary does not read in time.

import type { Buffer } from 'node:buffer';
import { Socket } from 'node:net';

import { RECORDS_FD } from '../../ipc/records.ts';

/** Beyond the kernel's buffer. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** At the end, what the primary does not read within this time is lost. */
const END_MS = 1000;

export interface RecordPipe {
  /** Writes whole lines and owns them from now on. False: not taken. */
  write(lines: Buffer): boolean;
  /** Always calls `done`: when everything is written, when it cannot be, or after END_MS. */
  end(done: () => void): void;
}

export function openRecordPipe(): RecordPipe {
  const pipe = new Socket({ fd: RECORDS_FD, readable: false, writable: true });
  // The primary is gone: from now on `destroyed` is set.
  pipe.on('error', () => undefined);
  // The pipe alone must not keep the worker alive.
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

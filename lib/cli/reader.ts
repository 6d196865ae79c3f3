// Whether anybody reads what a command goes on writing.
import { closeSync, constants, fstatSync, openSync } from 'node:fs';

/** How often it is asked. */
const READER_MS = 1000;

export interface Reader {
  /** Aborted when it is gone. */
  readonly gone: AbortSignal;
  readonly close: () => void;
}

export function watchReader(): Reader {
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  process.stdout.once('error', leave);
  const watch = setInterval(() => hasReader() || leave(), READER_MS);
  return {
    gone: gone.signal,
    close() {
      clearInterval(watch);
      process.stdout.off('error', leave);
    },
  };
}

/** Nothing tells who does not write that a pipe's reader is gone; but Linux lets nobody open one that has none (fifo(7)). */
function hasReader(): boolean {
  try {
    if (!fstatSync(1).isFIFO()) return true;
    closeSync(openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENXIO');
  }
}

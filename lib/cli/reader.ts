// Detects whether anybody still reads the output of a command.
import { closeSync, constants, fstatSync, openSync } from 'node:fs';

/** Polling interval. */
const READER_MS = 1000;

export interface Reader {
  /** Aborted when the reader is gone. */
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

/**
 * A process that does not write gets no notice that the pipe's reader is gone; but Linux refuses to open a pipe without one
 * (fifo(7)).
 */
function hasReader(): boolean {
  try {
    if (!fstatSync(1).isFIFO()) return true;
    closeSync(openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENXIO');
  }
}

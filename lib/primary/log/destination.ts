// The part of a sonic-boom stream, the result of pino.destination, that log-file.ts and rotation.ts use.

/** At the end, data that the disk or terminal does not take within this time is lost: a full pipe may stay full forever. */
const CLOSE_MS = 1000;

export interface Destination {
  readonly file: string | null;
  readonly fd: number;
  write(lines: Buffer): boolean;
  /** Opens `file`, or the same file again. */
  reopen(file?: string): void;
  flushSync(): void;
  end(): void;
  destroy(): void;
  on(event: 'ready' | 'error' | 'drop' | 'write' | 'drain', listener: (argument: unknown) => void): unknown;
  once(event: 'ready' | 'error' | 'drain', listener: (argument: unknown) => void): unknown;
}

/** Resolves once the file is open. */
export function opened(destination: Destination): Promise<Destination> {
  return new Promise((resolve, reject) => {
    destination.once('ready', () => resolve(destination));
    destination.once('error', reject);
  });
}

/**
 * Ends an abandoned destination. destroy() alone is not enough: with a write in flight and more data queued, sonic-boom would
 * throw where nobody can catch it.
 */
export function letGo(destination: Destination): void {
  destination.once('error', () => destination.destroy());
  try {
    destination.end();
  } catch {
    // Already destroyed.
  }
}

/** Resolves when all queued data is written, cannot be written, or CLOSE_MS is over. */
export function isTaken(destination: Destination): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, CLOSE_MS);
    const end = (): void => {
      clearTimeout(late);
      resolve();
    };
    destination.once('drain', end);
    destination.once('error', end);
  });
}

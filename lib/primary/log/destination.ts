// A sonic-boom stream, which is what pino.destination gives, as log-file.ts and rotation.ts use it.

/** What a disk or terminal does not take in this time at the end is lost: a full pipe may stay full for ever. */
const CLOSE_MS = 1000;

export interface Destination {
  readonly file: string | null;
  readonly fd: number;
  write(lines: Buffer): boolean;
  /** Under another name if one is given. */
  reopen(file?: string): void;
  flushSync(): void;
  end(): void;
  destroy(): void;
  on(event: 'ready' | 'error' | 'drop' | 'write' | 'drain', listener: (argument: unknown) => void): unknown;
  once(event: 'ready' | 'error' | 'drain', listener: (argument: unknown) => void): unknown;
}

/** Resolves once it has its file. */
export function opened(destination: Destination): Promise<Destination> {
  return new Promise((resolve, reject) => {
    destination.once('ready', () => resolve(destination));
    destination.once('error', reject);
  });
}

/**
 * Ends one that is given up. Not by destroy() alone: with a write under way and more behind it sonic-boom would throw where
 * nobody can catch it.
 */
export function letGo(destination: Destination): void {
  destination.once('error', () => destination.destroy());
  try {
    destination.end();
  } catch {
    // It is destroyed already.
  }
}

/** Settles when all that waits is written, cannot be written, or its time is over. */
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

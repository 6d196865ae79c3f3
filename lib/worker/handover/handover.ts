// Hands a worker's connections to another worker, or takes them. Combines giving.ts and taking.ts.

import { unlinkSync } from 'node:fs';

import type { Known } from '../../ipc/handover.ts';
import { send } from '../../ipc/channel.ts';
import type { GivingParts } from './giving-parts.ts';
import { createGiving } from './giving.ts';
import type { TakingParts } from './taking.ts';
import { createTaking } from './taking.ts';

export interface Handover {
  /** See Giving.begin(). `stopped`: the primary is gone, so all may go and nothing more is taken. */
  give(path: string, why: 'drain' | 'stopped'): string | null;
  /** See Giving.share(). */
  share(path: string, most: number): string | null;
  take(path: string): void;
  know(path: string, known: Known): void;
  /** See Giving.isBusy. */
  readonly isBusy: boolean;
  /** Whether connections to this endpoint may still arrive. */
  expects(endpoint: number): boolean;
  /** Whether connections are on their way, or may be. */
  readonly isOpen: boolean;
  /** Stops giving and taking, except for connections that are already offered. */
  stop(): void;
}

export type HandoverParts = Omit<GivingParts, 'through' | 'shared' | 'kill'> & Omit<TakingParts, 'send'>;

/** For a worker without channels: its connections stay. */
export const noHandover: Handover = {
  give: () => 'ENOTSUP',
  share: () => 'ENOTSUP',
  take: (path) => void send({ kind: 'adopted', path, connections: 0, refused: 0, why: 'ENOTSUP', standstill: null }),
  know: () => undefined,
  isBusy: false,
  expects: () => false,
  isOpen: false,
  stop: () => undefined,
};

export function createHandover(parts: HandoverParts): Handover {
  /** What the primary was told. */
  let told: 'nothing' | 'some' | 'all' = 'nothing';
  let file: string | null = null;
  const giving = createGiving({
    ...parts,
    through(all) {
      const now = all ? 'all' : 'some';
      if (told === 'all' || told === now) return;
      told = now;
      send({ kind: 'given', all });
    },
    shared: removeFile,
    kill,
  });
  const taking = createTaking({ ...parts, send });

  function removeFile(): void {
    if (file === null) return;
    try {
      unlinkSync(file);
    } catch {
      // The primary also removes files of workers that are gone.
    }
    file = null;
  }

  return {
    give(path, why) {
      if (why === 'stopped') taking.close();
      const error = giving.begin(path, why === 'stopped' ? 'all' : 'reloaded');
      if (error === null) file = path;
      return error;
    },
    share(path, most) {
      const error = giving.share(path, most);
      if (error === null) file = path;
      return error;
    },
    take: (path) => taking.begin(path),
    know: (path, known) => taking.know(path, known),
    get isBusy() {
      return giving.isBusy;
    },
    expects: (endpoint) => taking.expects(endpoint),
    get isOpen() {
      return giving.isBusy || taking.isOpen;
    },
    stop() {
      giving.stop();
      taking.close();
      removeFile();
    },
  };
}

/** Kills a silent taker: nothing else would end it, and the connections that it may have stand still. */
function kill(pid: number): void {
  if (pid <= 1 || pid === process.pid) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is already ending.
  }
}

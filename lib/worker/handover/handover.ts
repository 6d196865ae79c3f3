// A worker's connections on their way to another worker, or from one. Each direction has its file; this is both as one.

import { unlinkSync } from 'node:fs';

import type { Known } from '../../ipc/handover.ts';
import { send } from '../../ipc/channel.ts';
import type { GivingParts } from './giving.ts';
import { createGiving } from './giving.ts';
import type { TakingParts } from './taking.ts';
import { createTaking } from './taking.ts';

export interface Handover {
  /** See Giving.begin(). `stopped`: the primary is gone. Then all may go, and nothing comes any more. */
  give(path: string, why: 'drain' | 'stopped'): string | null;
  take(path: string): void;
  know(path: string, known: Known): void;
  /** Connections are offered: neither the engine's nor over. */
  readonly isBusy: boolean;
  /** Connections may come that lead to this endpoint, though none does. */
  expects(endpoint: number): boolean;
  /** Some are on their way, or may be. */
  readonly isOpen: boolean;
  /** Neither gives nor takes any more, but for what is offered. */
  stop(): void;
}

export type HandoverParts = Omit<GivingParts, 'through'> & Omit<TakingParts, 'send'>;

export function createHandover(parts: HandoverParts): Handover {
  let isThrough = false;
  const giving = createGiving({
    ...parts,
    through() {
      if (!isThrough) send({ kind: 'given' });
      isThrough = true;
    },
  });
  const taking = createTaking({ ...parts, send });
  let file: string | null = null;
  return {
    give(path, why) {
      if (why === 'stopped') taking.close();
      const error = giving.begin(path, why === 'stopped');
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
      if (file === null) return;
      try {
        unlinkSync(file);
      } catch {
        // The primary, too, removes what those leave that are gone.
      }
      file = null;
    },
  };
}

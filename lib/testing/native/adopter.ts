// An engine in a process or thread of its own that adopts connections, for handovers from one loop to another. A
// process is forked with their descriptors from ADOPTER_FD on, and keeps the connections until they end. A thread gives
// each one back after a moment.

import { parentPort, workerData } from 'node:worker_threads';
import { ENDS, REFUSE } from '../../engine/engine.ts';
import type { Engine } from '../../engine/engine.ts';
import type { ReleasedConnection } from '../../engine/handover.ts';
import { loadNativeEngine } from '../../engine/native.ts';

/** After stdin, stdout, stderr and the channel. */
export const ADOPTER_FD = 4;

export interface AdopterOrder {
  /** base64. */
  readonly record: string;
  readonly descriptors: number;
}

/** Sent in this order. */
export type AdopterAnswer =
  | { readonly kind: 'adopted'; readonly why: string | null }
  | { readonly kind: 'ended'; readonly end: string; readonly bytesIn: number; readonly bytesOut: number };

function engineThatAdopts(ended: (end: string, bytesIn: number, bytesOut: number) => void): Engine {
  const loaded = loadNativeEngine();
  if (!loaded.ok) throw new Error(`Cannot load the native engine: ${loaded.reason}`);
  const engine = loaded.create({
    accepted: () => REFUSE,
    failed: () => REFUSE,
    connected: () => undefined,
    ended: (_, end, bytesIn, bytesOut) => ended(ENDS[end], bytesIn, bytesOut),
  });
  engine.service(0, { connectTimeoutMs: 1000, idleMs: 60_000, keepaliveMs: 0, halfClosedMs: 60_000 });
  engine.route(0, 0, '127.0.0.1', 9); // An existing connection does not need its target's address.
  return engine;
}

function inProcess(): void {
  const answer = (message: AdopterAnswer): unknown => process.send?.(message);
  const engine = engineThatAdopts((end, bytesIn, bytesOut) => answer({ kind: 'ended', end, bytesIn, bytesOut }));
  process.on('message', (message) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the parent is one of our tests
    const { record, descriptors } = message as AdopterOrder;
    const adoption = engine.adopt({
      record: Buffer.from(record, 'base64'),
      descriptors: Array.from({ length: descriptors }, (_, i) => ADOPTER_FD + i),
    });
    answer({ kind: 'adopted', why: adoption.ok ? null : adoption.why });
  });
}

function inThread(port: NonNullable<typeof parentPort>): void {
  const engine = engineThatAdopts(() => undefined);
  port.on('message', (released: ReleasedConnection) => {
    const adoption = engine.adopt(released);
    if (!adoption.ok) throw new Error(`Cannot adopt: ${adoption.why}`);
    setTimeout(() => {
      const release = engine.release(adoption.connection);
      if (!release.ok) throw new Error(`Cannot release: ${release.why}`);
      port.postMessage(release.released);
    }, 1);
  });
}

if (workerData === 'adopter' && parentPort !== null) inThread(parentPort);
else if (process.argv[2] === 'adopter') inProcess();

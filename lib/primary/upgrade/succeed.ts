// The steps by which an instance takes the place of another one, and by which it leaves when another one has taken its own.

import type { Diagnosis, StopProgress, StopRequest } from '../../control/protocol.ts';
import type { Events } from '../log/events.ts';
import type { Signals } from './signals.ts';
import type { Estate } from './estate.ts';
import type { Predecessor } from './predecessor.ts';
import type { Successor } from './successor.ts';
import * as words from './words.ts';

/** What of an instance takes part in this. */
export interface Heir {
  readonly generation: number;
  readonly estate: Estate;
  prepare(known: Predecessor['known']): Promise<Diagnosis | null>;
}

interface Outlets {
  readonly front: { claim(from: number): { readonly ok: boolean } };
  readonly events: Pick<Events, 'inherit'>;
}

interface Leaving {
  readonly estate: Estate;
  stop(request: StopRequest, progress: (line: StopProgress) => void): unknown;
}

/** Until the other one has given its address and its name; or returns why that comes to nothing. */
export async function takeOver(from: Predecessor, heir: Heir, { front, events }: Outlets): Promise<Diagnosis | null> {
  const { estate } = heir;
  const problem = await heir.prepare(from.known);
  if (problem !== null) return problem;
  const yielded = await from.prepared();
  if (yielded === null) return words.left(from.version);
  events.inherit(yielded.history.events);
  estate.remember(yielded.history);
  estate.inherit(from.pid, yielded.past, yielded.held);
  return front.claim(from.pid).ok ? null : words.taken;
}

/** It serves: the other one is told, and gives its connections. `parted` is called when that has ended. */
export function followUp(from: Predecessor, { generation, estate }: Heir, parted: () => void): void {
  from.serving(generation, {
    offered: () => estate.look(),
    counted: (past, held) => estate.inherit(from.pid, past, held),
  });
  void from.parted.then(parted);
}

/**
 * Another one serves. Resolves when nothing is left here that would end with this process, with the exit code that it is to end with.
 * In the foreground whoever has started this process waits for it, and has sent it signals: it stays as long as the other one does.
 */
export async function leave(
  successor: Successor,
  instance: Leaving,
  signals: Signals,
  foreground: boolean,
): Promise<number> {
  const { estate } = instance;
  estate.letGo();
  const ended = successor.ended.then((code) => ({ code }));
  if (foreground) signals.passOn((name) => successor.signal(name));
  const first = await Promise.race([estate.gone(), ended]);
  if (!Array.isArray(first)) await instance.stop({ timeout_ms: null, now: false }, () => undefined);
  return foreground ? (await ended).code : 0;
}

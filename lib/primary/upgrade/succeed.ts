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
  readonly estate: Estate;
  prepare(known: Predecessor['known']): Promise<Diagnosis | null>;
}

interface Serving {
  readonly generation: number;
  readonly estate: Estate;
  /** Its workers can take connections over. */
  readonly takes: boolean;
}

interface Outlets {
  readonly front: { claim(from: number): { readonly ok: boolean } };
  readonly events: Pick<Events, 'inherit'>;
}

interface Leaving {
  readonly estate: Estate;
  /** Resolves with how many connections were cut. */
  stop(request: StopRequest, progress: (line: StopProgress) => void): Promise<number>;
}

interface Leave {
  readonly signals: Signals;
  readonly foreground: boolean;
  /** The one whose place this one has taken. */
  readonly before: Predecessor | null;
  /** The longest that a service's connections may take when bal is stopped. */
  readonly drainMs: number;
}

const COUNTED_MS = 200;

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
export function followUp(from: Predecessor, { generation, estate, takes }: Serving, parted: () => void): void {
  from.serving(generation, takes, {
    offered: () => estate.look(),
    counted: (past, held) => estate.inherit(from.pid, past, held),
  });
  void from.through.then(() => estate.settle());
  void from.parted.then(parted);
}

/** Until the returned function is called the other one hears what is counted here, and who is still here. */
export function keepCounting(successor: Successor, estate: Estate): () => void {
  const count = async (): Promise<void> => successor.send({ kind: 'counted', ...(await estate.counted()) });
  const ticker = setInterval(() => void count(), COUNTED_MS);
  return () => clearInterval(ticker);
}

/**
 * Another one serves. Resolves when nothing is left here that would end with this process, with the exit code that it is to end with.
 * What is left ends when the other one is stopped, or has ended. In the foreground whoever has started this process waits for it,
 * and has sent it signals: it stays as long as the other one does.
 */
export async function leave(
  successor: Successor,
  instance: Leaving,
  { signals, foreground, before, drainMs }: Leave,
): Promise<number> {
  const { estate } = instance;
  estate.letGo();
  const stopCounting = keepCounting(successor, estate);
  let cut = 0;
  const stop = async (request: StopRequest): Promise<void> => {
    const [own, theirs] = await Promise.all([
      instance.stop(request, () => undefined),
      before?.stop(request, drainMs) ?? 0,
    ]);
    cut = own + theirs;
  };
  let stopping: Promise<unknown> = Promise.resolve();
  successor.onStop((request) => {
    stopping = stop(request);
  });
  if (foreground) signals.passOn((name) => successor.signal(name));
  const ended = successor.ended.then((code) => ({ code }));
  // Those of the one before this one count here, too.
  const first = await Promise.race([Promise.all([estate.gone(), before?.empty]), ended]);
  if (!Array.isArray(first)) await stop({ timeout_ms: null, now: false });
  await stopping;
  stopCounting();
  successor.send({ kind: 'counted', ...(await estate.counted()) });
  successor.send({ kind: 'empty', cut });
  return foreground ? (await ended).code : 0;
}

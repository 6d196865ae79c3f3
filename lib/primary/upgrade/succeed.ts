// The steps by which an instance takes its predecessor's place, and by which it leaves once its successor serves.

import type { Diagnosis, StopProgress, StopRequest } from '../../control/protocol.ts';
import type { Events } from '../log/events.ts';
import type { Estate } from './estate.ts';
import type { Predecessor } from './predecessor.ts';
import type { Request, Successor } from './successor.ts';
import * as words from './words.ts';

/** The part of an instance that takes over. */
export interface Heir {
  readonly estate: Estate;
  prepare(known: Predecessor['known']): Promise<Diagnosis | null>;
}

interface Serving {
  readonly generation: number;
  readonly estate: Estate;
  /** Its workers can take over connections. */
  readonly takes: boolean;
}

interface Outlets {
  readonly front: { claim(from: number): { readonly ok: boolean } };
  readonly events: Pick<Events, 'inherit'>;
}

interface Leaving {
  readonly estate: Estate;
  /** Resolves with the number of connections cut. */
  stop(request: StopRequest, progress: (line: StopProgress) => void): Promise<number>;
}

interface Leave {
  readonly foreground: boolean;
  /** The predecessor whose place this instance took. */
  readonly before: Predecessor | null;
  /** The longest time that a service's connections get when bal is stopped. */
  readonly drainMs: number;
}

const COUNTED_MS = 200;

/** Takes over until the predecessor has given up its control socket and PID file. Returns the reason if that fails. */
export async function takeOver(from: Predecessor, heir: Heir, { front, events }: Outlets): Promise<Diagnosis | null> {
  const { estate } = heir;
  if (from.inheritance !== null) estate.share(from.inheritance);
  const problem = await heir.prepare(from.known);
  if (problem !== null) return problem;
  const yielded = await from.prepared();
  if (yielded === null) return words.left(from.version);
  events.inherit(yielded.history.events);
  estate.remember(yielded.history);
  estate.inherit(from, yielded.past, yielded.held);
  return front.claim(from.pid).ok ? null : words.taken;
}

/** Tells the predecessor that this instance serves, and takes its connections. Calls `parted` when the predecessor has let go. */
export function followUp(from: Predecessor, { generation, estate, takes }: Serving, parted: () => void): void {
  from.serving(generation, takes, {
    offered: () => estate.look(),
    counted: (past, held) => estate.inherit(from, past, held),
  });
  void from.through.then(() => estate.settle());
  void from.empty.then(() => estate.alone());
  void from.parted.then(parted);
}

async function sendCounts(successor: Successor, estate: Estate): Promise<void> {
  successor.send({ kind: 'counted', ...(await estate.counted()) });
}

/** Reports counters and remaining clients to the successor until the returned function is called. */
export function keepCounting(successor: Successor, estate: Estate): () => void {
  const ticker = setInterval(() => void sendCounts(successor, estate), COUNTED_MS);
  return () => clearInterval(ticker);
}

/**
 * Leaves after the successor has begun to serve. Resolves with the exit code when nothing is left that would end with this
 * process. What is left ends when the successor is stopped or has ended. In the foreground, the parent waits for this process and
 * signals it, so it stays as long as the successor does.
 */
export async function leave(
  successor: Successor,
  instance: Leaving,
  { foreground, before, drainMs }: Leave,
): Promise<number> {
  const { estate } = instance;
  estate.letGo();
  const stopCounting = keepCounting(successor, estate);
  let cut = 0;
  const stop = async ({ timeout_ms, now }: StopRequest): Promise<void> => {
    const request = { timeout_ms, now };
    const [own, theirs] = await Promise.all([
      instance.stop(request, () => undefined),
      before?.stop(request, drainMs) ?? 0,
    ]);
    cut = own + theirs;
  };
  let stopping: Promise<unknown> = Promise.resolve();
  const reset = async ({ id, service, address, why }: Extract<Request, { kind: 'reset' }>): Promise<void> => {
    await estate.reset(service, address, why);
    await sendCounts(successor, estate);
    successor.send({ kind: 'reset_done', id });
  };
  successor.onRequest((request) => {
    if (request.kind === 'reset') void reset(request);
    else stopping = stop(request);
  });
  const ended = successor.ended.then((code) => ({ code }));
  // The connections of the predecessor count too.
  const first = await Promise.race([Promise.all([estate.gone(), before?.empty]), ended]);
  if (!Array.isArray(first)) await stop({ timeout_ms: null, now: false });
  await stopping;
  stopCounting();
  await sendCounts(successor, estate);
  successor.send({ kind: 'empty', cut });
  return foreground ? (await ended).code : 0;
}

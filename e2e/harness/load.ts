// Clients in a closed loop: each makes a visit, and begins again. What went wrong is counted by kind, so that a test can
// say "none of these" and, when it fails, which.
import { setTimeout as pause } from 'node:timers/promises';
import { type Exchange, type Outcome, visit } from './exchange.ts';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { until } from '../../lib/testing/until.ts';

export type Counts = Record<Outcome, number> & {
  /** Bytes of the visits that went well, each way. */
  sent: number;
  received: number;
  /** The visits that went well, by what the backend said. */
  readonly answers: Record<string, number>;
};

export interface LoadOptions {
  readonly clients?: number;
  readonly host?: string;
  /** How long one visit may take. */
  readonly patienceMs?: number;
  /** Between two visits of a client. */
  readonly pauseMs?: number;
}

/**
 * A load that goes on beside something else has a client come every few ms: what happens meets clients at every stage, and the machine
 * has time for it. As fast as they can, which takes all processors there are, they come with BAL_SOAK=long.
 */
const PAUSE_MS = process.env['BAL_SOAK'] === 'long' ? 0 : 20;

export interface Load {
  readonly counts: Readonly<Counts>;
  /** Waits until `more` further visits have gone well. */
  succeeds(more: number): Promise<void>;
  /**
   * Does something while no visit is under way: what a backend had accepted or was about to accept dies with it, which
   * is nobody's fault, so a test that counts errors lets it die between visits.
   */
  between(action: () => void | Promise<void>): Promise<void>;
  /** Lets the visits under way come to their end. */
  stop(): Promise<Readonly<Counts>>;
}

/** Runs until stopped, or until `visits` are made. */
function loop(port: number, exchange: Exchange, visits: number, options: LoadOptions) {
  const { clients = 8, host = '127.0.0.1', patienceMs = 15_000, pauseMs = 0 } = options;
  const counts: Counts = {
    ok: 0,
    refused: 0,
    reset: 0,
    short: 0,
    wrong: 0,
    late: 0,
    sent: 0,
    received: 0,
    answers: {},
  };
  const state: { left: number; under: number; gate: Promise<void> } = {
    left: visits,
    under: 0,
    gate: Promise.resolve(),
  };
  const client = async (): Promise<void> => {
    for (; state.left > 0;) {
      state.left--;
      await state.gate;
      state.under++;
      const { outcome, answer } = await visit(port, host, exchange, patienceMs);
      state.under--;
      counts[outcome]++;
      if (outcome === 'ok') keep(answer);
      if (pauseMs > 0 && state.left > 0) await pause(pauseMs);
    }
  };
  const keep = (answer: Buffer): void => {
    counts.sent += exchange.request?.length ?? 0;
    counts.received += answer.length;
    if (exchange.length !== null) return;
    const said = answer.toString();
    counts.answers[said] = (counts.answers[said] ?? 0) + 1;
  };
  return { counts, state, over: Promise.all(Array.from({ length: clients }, client)) };
}

export function startLoad(t: Owner, port: number, exchange: Exchange, options: LoadOptions = {}): Load {
  const { counts, state, over } = loop(port, exchange, Number.MAX_SAFE_INTEGER, {
    pauseMs: PAUSE_MS,
    ...options,
  });
  const stop = async (): Promise<Counts> => {
    state.left = 0;
    await over;
    return counts;
  };
  atEnd(t, stop);
  return {
    counts,
    stop,
    async between(action) {
      let open = (): void => undefined;
      state.gate = new Promise((resolve) => (open = resolve));
      try {
        await until('no visit is under way', () => state.under === 0, { everyMs: 1 });
        await action();
      } finally {
        open();
      }
    },
    async succeeds(more) {
      const enough = counts.ok + more;
      await until(`${more} more visits go well`, () => counts.ok >= enough, { withinMs: 30_000 });
    },
  };
}

/** So many visits, and what came of them. */
export async function visits(
  port: number,
  exchange: Exchange,
  count: number,
  options: LoadOptions = {},
): Promise<Readonly<Counts>> {
  const { counts, over } = loop(port, exchange, count, options);
  await over;
  return counts;
}

/** What went wrong, for `assert.deepEqual(troubles(counts), {})`. */
export function troubles(counts: Readonly<Counts>): Partial<Record<Outcome, number>> {
  const kinds = ['refused', 'reset', 'short', 'wrong', 'late'] as const;
  return Object.fromEntries(kinds.filter((kind) => counts[kind] > 0).map((kind) => [kind, counts[kind]]));
}

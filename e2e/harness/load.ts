// Clients in a closed loop: each makes one visit after another. Failures are counted by kind, so that a test can expect none and
// report which ones it got.
import { setTimeout as pause } from 'node:timers/promises';
import { type Exchange, type Outcome, visit } from './exchange.ts';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { until } from '../../lib/testing/until.ts';

export type Counts = Record<Outcome, number> & {
  /** Bytes of the successful visits, in each direction. */
  sent: number;
  received: number;
  /** The successful visits, by the backend's answer. */
  readonly answers: Record<string, number>;
};

export interface LoadOptions {
  readonly clients?: number;
  readonly host?: string;
  /** Timeout of one visit. */
  readonly patienceMs?: number;
  /** Pause between two visits of a client. */
  readonly pauseMs?: number;
}

/**
 * A background load makes a visit every few ms: events meet clients at every stage, and the machine has time left for them. With
 * BAL_SOAK=long clients come as fast as they can, which uses all processors.
 */
const PAUSE_MS = process.env['BAL_SOAK'] === 'long' ? 0 : 20;

export interface Load {
  readonly counts: Readonly<Counts>;
  /** Waits for `more` further successful visits. */
  succeeds(more: number): Promise<void>;
  /**
   * Runs `action` while no visit is under way. A dying backend takes with it what it had accepted or was about to accept, which is
   * not bal's fault; so a test that counts errors kills it between visits.
   */
  between(action: () => void | Promise<void>): Promise<void>;
  /** Stops after the visits under way. */
  stop(): Promise<Readonly<Counts>>;
}

/** Runs until it is stopped or `visits` are made. */
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

/** Makes `count` visits and returns their outcomes. */
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

/** The failures, for `assert.deepEqual(troubles(counts), {})`. */
export function troubles(counts: Readonly<Counts>): Partial<Record<Outcome, number>> {
  const kinds = ['refused', 'reset', 'short', 'wrong', 'late'] as const;
  return Object.fromEntries(kinds.filter((kind) => counts[kind] > 0).map((kind) => [kind, counts[kind]]));
}

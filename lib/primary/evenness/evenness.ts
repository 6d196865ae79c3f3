// Moves connections from full workers to empty ones, a few at a time and only while it pays: after a worker died with all its
// connections, after workers were added, or when those of one worker lasted longer. Owns the timer and the state of an evening.

import type { Log } from '../log/log.ts';
import type { Statistics } from '../stats/statistics.ts';
import { clientsWith } from '../stats/totals.ts';
import type { Handovers } from '../handovers/handovers.ts';
import type { WorkerProcess } from '../workers/worker-process.ts';
import type { Load, Move, Spread } from './spread.ts';
import { after, evenAtFirst, look, spreadOf } from './spread.ts';

const LOOK_MS = 500;
/** Workers answer within 1 or 2 ms. If one does not, no connections are moved. */
const COUNTERS_MS = 250;

export interface Evenness {
  /** Over the workers that serve; null if there are fewer than two. */
  readonly spread: Spread | null;
  /** Connections moved since the start. */
  readonly moved: number;
  close(): void;
}

export interface EvennessParts {
  readonly log: Log;
  readonly statistics: Pick<Statistics, 'totals' | 'refresh'>;
  readonly handovers: Pick<Handovers, 'share'>;
  readonly workers: () => readonly WorkerProcess[];
  /** Whether nothing else moves connections now. */
  readonly isCalm: () => boolean;
}

export function createEvenness({ log, statistics, handovers, workers, isCalm }: EvennessParts): Evenness {
  let known = evenAtFirst;
  let moved = 0;
  let isLooking = false;

  function serving(): WorkerProcess[] {
    return workers().filter(({ state }) => state === 'ready');
  }

  function loads(): Load[] {
    return serving().map(({ pid }) => ({ pid, connections: clientsWith(statistics.totals, pid) }));
  }

  /** The js engine can never move connections. Wait for workers that are still starting. */
  function canMove(): boolean {
    return isCalm() && workers().every(({ state, engine }) => state !== 'forked' && engine === 'native');
  }

  async function lookOnce(): Promise<void> {
    if (!canMove()) return;
    const before = known;
    // Unsolicited counters may be 0.5 s old. They are good enough to decide whether to ask for fresh ones.
    if (before.state !== 'even') {
      if ((await statistics.refresh(serving(), COUNTERS_MS)) > 0 || !canMove()) return;
    }
    const now = performance.now();
    const seen = look(before, loads(), now);
    known = seen.known;
    if (seen.move !== null) await carryOut(seen.move);
    if (before.state === 'evening' && known.state === 'even') report(before);
  }

  async function carryOut({ from, to, connections }: Move): Promise<void> {
    const all = serving();
    const giver = all.find(({ pid }) => pid === from);
    const taker = all.find(({ pid }) => pid === to);
    if (giver === undefined || taker === undefined) return;
    const gone = await handovers.share(giver, taker, connections);
    moved += gone ?? 0;
    known = after(known, { asked: connections, gone }, performance.now());
  }

  function report({ since, before, moved: connections }: Extract<typeof known, { state: 'evening' }>): void {
    if (connections === 0) return;
    const now = spreadOf(loads());
    log.info('connections.evened', `${connections} connections went from full workers to empty ones`, {
      connections,
      duration_ms: Math.round(performance.now() - since),
      fewest_before: before.fewest,
      most_before: before.most,
      fewest: now?.fewest ?? null,
      most: now?.most ?? null,
    });
  }

  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void lookOnce().finally(() => {
      isLooking = false;
    });
  }, LOOK_MS).unref();

  return {
    get spread() {
      return spreadOf(loads());
    },
    get moved() {
      return moved;
    },
    close: () => clearInterval(timer),
  };
}

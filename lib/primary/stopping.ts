// Stops an instance: it takes no new clients, lets open connections finish in the given time, and reports how many are left.

import type { StopProgress, StopRequest } from '../control/protocol.ts';
import type { Evenness } from './evenness/evenness.ts';
import type { PermitBook } from './limits/permits.ts';
import type { AdminListener } from './listen/admin-listener.ts';
import type { Listening } from './listen/listening.ts';
import type { Live } from './live/live.ts';
import type { Phase } from './phase.ts';
import { nextPhase } from './phase.ts';
import type { Publisher } from './snapshot/publisher.ts';
import type { Statistics } from './stats/statistics.ts';
import { instanceSum } from './stats/totals.ts';
import type { Discovery } from './upstream/discovery/discovery.ts';
import type { Services } from './upstream/services.ts';
import type { Fleet } from './workers/fleet.ts';
import type { Handovers } from './handovers/handovers.ts';

export interface Stopping {
  /** Resolves with the number of connections cut when the last worker is gone. Null: each service has its own time. */
  shut(timeoutMs: number | null): Promise<number>;
  stop(request: StopRequest, progress: (line: StopProgress) => void): Promise<number>;
}

export interface StoppingParts {
  readonly state: { phase: Phase };
  readonly fleet: Pick<Fleet, 'all' | 'stop'>;
  readonly live: Pick<Live, 'close'>;
  readonly evenness: Pick<Evenness, 'close'>;
  readonly discovery: Pick<Discovery, 'close'>;
  readonly handovers: Pick<Handovers, 'close'>;
  readonly listening: Pick<Listening, 'close'>;
  readonly services: Pick<Services, 'close'>;
  readonly permits: Pick<PermitBook, 'close'>;
  readonly admin: Pick<AdminListener, 'close'>;
  readonly publisher: Pick<Publisher, 'cancel'>;
  readonly statistics: Statistics;
}

const PROGRESS_MS = 200;

export function createStopping(parts: StoppingParts): Stopping {
  const { state, fleet, statistics, permits, admin, publisher } = parts;

  async function shut(timeoutMs: number | null): Promise<number> {
    const ended = fleet.stop(timeoutMs);
    parts.live.close();
    parts.evenness.close();
    parts.discovery.close();
    parts.handovers.close();
    parts.listening.close();
    parts.services.close();
    const cut = await ended;
    permits.close();
    await admin.close();
    publisher.cancel();
    state.phase = nextPhase(state.phase, 'stopped');
    return cut;
  }

  async function stop({ timeout_ms, now }: StopRequest, progress: (line: StopProgress) => void): Promise<number> {
    let over = false;
    const report = async (): Promise<void> => {
      await statistics.refresh(fleet.all(), PROGRESS_MS);
      if (!over) progress({ remaining: instanceSum(statistics.totals).clients.active });
    };
    state.phase = nextPhase(state.phase, 'stop');
    const tick = setInterval(() => void report(), PROGRESS_MS);
    void report();
    const cut = await shut(now ? 0 : timeout_ms);
    clearInterval(tick);
    over = true;
    return cut;
  }

  return { shut, stop };
}

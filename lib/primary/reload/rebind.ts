// A rebind: the new address overlaps an old one (127.0.0.1 and 0.0.0.0 on one port). The kernel does not let both listen, so the
// old one is closed first. This is the only reload in which clients can be refused. The gap is short, because the new workers
// stand by and lack only their sockets. Established connections are not affected.

import type { Plan } from '../../../config/plan.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import type { Fleet, Generation } from '../workers/fleet.ts';
import type { Binding, Listening } from '../listen/listening.ts';
import type { Log } from '../log/log.ts';
import { cannotBind, workersFailed } from './verdict.ts';

/** A plan and the number of its generation. */
export interface Numbered {
  readonly plan: Plan;
  readonly number: number;
}

export interface RebindParts {
  readonly log: Log;
  readonly listening: Pick<Listening, 'wantedBy' | 'keepOnly' | 'bindFor'>;
  readonly fleet: Pick<Fleet, 'standBy' | 'start' | 'retireAll'>;
  generationOf(number: number, plan: Plan, binding: Binding): Generation;
}

/** Workers close their copies of a listener within milliseconds; allow for a busy one. */
const RELEASE_MS = 3000;

/** Returns null or the problem; then the old listeners serve as before, or again. */
export async function rebind(from: Numbered, to: Numbered, parts: RebindParts): Promise<Diagnosis | null> {
  const { listening, fleet, log } = parts;
  const unbound: Binding = { ok: true, listeners: [] };
  const standing = await fleet.standBy(parts.generationOf(to.number, to.plan, unbound));
  if (!standing.ok) return workersFailed(standing.reason);
  const wanted = await listening.wantedBy(to.plan);
  log.warn('listener.switch', 'the new address overlaps the old one; clients are refused for a moment', {});
  fleet.retireAll();
  listening.keepOnly(wanted);
  const binding = await listening.bindFor(to.plan, RELEASE_MS);
  if (binding.ok) {
    const started = await fleet.start(parts.generationOf(to.number, to.plan, binding), standing.workers);
    if (started.ok) return null;
  } else {
    for (const worker of standing.workers) worker.kill();
  }
  await serveAgain(from, parts);
  return binding.ok ? workersFailed('they did not start with the new address') : cannotBind(binding);
}

/** Replaces all serving workers by new ones of a plan that was served before. */
export async function serveAgain({ plan, number }: Numbered, parts: RebindParts): Promise<void> {
  const { listening, fleet, log } = parts;
  fleet.retireAll();
  listening.keepOnly(await listening.wantedBy(plan));
  const binding = await listening.bindFor(plan, RELEASE_MS);
  if (binding.ok) {
    await fleet.start(parts.generationOf(number, plan, binding));
    return;
  }
  const { address, code } = binding;
  // A stop has closed all.
  if (code === 'ECANCELED') return;
  log.error('listener.lost', 'the old address cannot be bound again either', { address, code });
}

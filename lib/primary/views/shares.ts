// Backends that get no clients although they are healthy: drained, without weight, full, or an unused backup.

import type { LiveChange } from '../../control/backends.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import type { BackendWhy } from '../../control/why.ts';
import type { Pool } from '../upstream/pool.ts';

export const GETS_NOBODY: ReadonlySet<BackendWhy['verdict']> = new Set(['draining', 'drained', 'no_weight']);

/** The command that takes a drained backend back. */
export type ReadyCommand = (address: string) => string;

/** Names the service where another one, of `beside`, has this backend too: the command wants it then. */
export function readyCommand(service: string, beside: readonly Pool[]): ReadyCommand {
  return (address) => {
    const isShared = beside.some(({ backends }) => backends.some((backend) => backend.address === address));
    return `bal backend ready ${address}${isShared ? ` --service ${service}` : ''}`;
  };
}

/** Adds an operator's changes to the verdict. */
export function asChanged(backend: BackendWhy, changes: readonly LiveChange[], ready: ReadyCommand): BackendWhy {
  const live_changes = changes.filter(({ address }) => address === backend.address);
  const drain = live_changes.find(({ kind }) => kind === 'drained');
  if (backend.verdict === 'draining' && live_changes.some(({ kind }) => kind === 'removed')) {
    return {
      ...backend,
      live_changes,
      ends_when: "its last connection ends: it was taken out by 'bal backend remove'",
    };
  }
  if (backend.verdict !== 'no_weight' || drain === undefined) return { ...backend, live_changes };
  const rest = drain.until === null ? '' : `; what is left of its connections is cut at ${drain.until}`;
  const ends_when = `'${ready(backend.address)}' takes it back${rest}`;
  return { ...backend, live_changes, verdict: 'drained', problem: null, ends_when };
}

/** The verdict on a healthy backend with at least as many connections as it may have, if it may have `most`; 0: any number. */
export function judgedFull(backend: BackendWhy, most: number, open: number): BackendWhy {
  if (backend.verdict !== 'in_use' || most === 0 || open < most) return backend;
  // A reload may have lowered the limit.
  const ends_when =
    open === most
      ? `one of its ${most} connections ends`
      : `${open - most + 1} of its ${open} connections end: the limit is ${most}`;
  return { ...backend, verdict: 'full', ends_when };
}

/** The problem if no backend takes clients although none is broken: all were taken out, or their names do not resolve. */
export function nobodyToServe(
  name: string,
  backends: readonly BackendWhy[],
  live: number,
  names: Diagnosis | null,
  ready: ReadyCommand,
): Diagnosis | null {
  if (live > 0) return null;
  if (names !== null && backends.length === 0) return names;
  const drained = backends.find(({ verdict }) => verdict === 'drained');
  return {
    what_happened: `no backend of ${name} takes clients; new ones are refused`,
    why_likely: 'all of them were drained or removed, or have weight 0',
    do_this_now:
      drained === undefined
        ? "run 'bal backend list', and give one a weight or add one"
        : `run '${ready(drained.address)}'`,
  };
}

/** Marks backends that get no clients whatever their health: without weight, or an unused backup. Expects full ones to be marked. */
export function judgedByShare(judged: readonly BackendWhy[], { backends }: Pool): BackendWhy[] {
  const taking = (place: number): boolean => backends[place]?.draining === false && backends[place].weight > 0;
  const line = (place: number): number => (backends[place]?.backup === true ? 1 + backends[place].rank : 0);
  const first = Math.min(
    ...judged.flatMap(({ verdict }, place) => (verdict === 'in_use' && taking(place) ? [line(place)] : [])),
  );
  return judged.map((backend, place) => {
    if (backend.verdict === 'draining') return backend;
    if (!taking(place)) {
      return { ...backend, verdict: 'no_weight', problem: null, ends_when: 'it gets a weight above 0' };
    }
    const isHealthy = backend.verdict === 'in_use' || backend.verdict === 'full';
    const isSpare = isHealthy && line(place) > first;
    return isSpare ? { ...backend, verdict: 'spare', ends_when: 'no other backend is usable' } : backend;
  });
}

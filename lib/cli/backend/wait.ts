// Waits until a drained backend has no connections left, and shows how many remain.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Diagnosis } from '../../control/protocol.ts';
import type { Home } from '../../paths.ts';
import { counted } from '../../units.ts';
import type { Io } from '../command.ts';
import { PATIENCE_MS, isStatus, reach, strangeAnswer } from '../reach.ts';

const LOOK_MS = 200;

export type Waited = { readonly kind: 'empty' } | { readonly kind: 'given_up'; readonly problem: Diagnosis };

/** `io` null: shows no progress. */
export async function waitUntilEmpty(
  at: Home,
  { service, address }: { readonly service: string; readonly address: string },
  io: Io | null,
): Promise<Waited> {
  let shown: number | null = null;
  for (;;) {
    const reached = await reach(at, 'GET', '/status', PATIENCE_MS);
    if (reached.kind !== 'answered') return { kind: 'given_up', problem: reached.problem };
    if (!isStatus(reached.body)) return { kind: 'given_up', problem: strangeAnswer('status') };
    const its = reached.body.services.find(({ name }) => name === service);
    // Its connections may go on in old workers, but nothing counts them by backend any more.
    if (its === undefined) return { kind: 'given_up', problem: isGone(service, address) };
    const found = its.backends.find((backend) => backend.address === address);
    // A backend that left the configuration stays in the status until its last connection has ended.
    const left = found === undefined ? 0 : found.active_connections;
    if (left === null) return { kind: 'given_up', problem: strangeAnswer('status') };
    // A saved drain has weight 0 in the file.
    if (found?.administrative === 'ready' && found.weight !== 0) return { kind: 'given_up', problem: isBack(address) };
    if (left === 0) return { kind: 'empty' };
    if (left !== shown && io !== null) {
      shown = left;
      const text = `waiting for ${counted(left, 'connection')} to ${address} to finish`;
      if (io.redraw === undefined) io.out(text);
      else io.redraw(text);
    }
    await sleep(LOOK_MS);
  }
}

function isBack(address: string): Diagnosis {
  return {
    what_happened: `${address} is not drained any more`,
    why_likely: "somebody ran 'bal backend ready' meanwhile",
    do_this_now: "run 'bal backend list', and drain it again if need be",
  };
}

function isGone(service: string, address: string): Diagnosis {
  return {
    what_happened: `service ${service} is gone, and the connections of ${address} cannot be counted any more`,
    why_likely: 'a reload has removed or renamed it',
    do_this_now: "run 'bal status': connections of removed services continue in old workers until they end",
  };
}

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
    const found = its?.backends.find((backend) => backend.address === address);
    const left = found?.active_connections ?? 0;
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

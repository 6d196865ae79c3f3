// The admin listener through starts and reloads. Owns its servers, one for each address of a name, which every reload looks up. A
// new address is bound before a reload changes anything, and an old one is closed when the reload has succeeded, unless bal's own
// sockets are in the way of each other. An address that stays keeps its server and clients.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Plan } from '../../../config/plan.ts';
import type { AdminServer } from '../../control/admin.ts';
import type { lookUpAside } from '../../lookup.ts';
import type { BindFailure } from './listeners.ts';
import { failureIn, listenAddresses, portOf } from './listeners.ts';

/** A move from one plan's addresses to the next one's. One at a time. */
export interface AdminMove {
  readonly ok: true;
  /** Whether closing old addresses may help against `failure`. */
  isInTheWayOf(failure: BindFailure): boolean;
  /** Closes the addresses that the next plan does not have. */
  giveUp(): Promise<void>;
  /** Serves the new addresses and closes the old ones. After a failure neither may be served; call undo(). */
  finish(): Promise<{ readonly ok: true } | BindFailure>;
  /** Serves the old addresses again. */
  undo(): Promise<{ readonly ok: true } | BindFailure>;
}

export interface AdminListener {
  /**
   * Binds the addresses of `plan` that are not bound yet. If a listener that bal is closing is in the way (`isGivenUp`, or the
   * admin listener itself), finish() binds it.
   */
  move(plan: Plan, isGivenUp: (failure: BindFailure) => Promise<boolean>): Promise<AdminMove | BindFailure>;
  /** Closes it for good. */
  close(): Promise<void>;
}

/** Where to serve. */
interface Place {
  readonly ip: string;
  readonly port: number;
  /** `ip:port`. */
  readonly address: string;
}

interface Served extends Place {
  readonly ok: true;
  readonly server: AdminServer;
}

/** An address that is being closed is free within milliseconds; allow for a busy worker. */
const RELEASE_MS = 3000;
const RETRY_MS = 10;

/** `serve` binds and serves one address, and rejects with the error of listen(2). */
export function createAdminListener(
  serve: (ip: string, port: number) => Promise<AdminServer>,
  lookUp?: typeof lookUpAside,
): AdminListener {
  let current: readonly Served[] = [];
  let closed = false;

  /** The places of a plan, in order, or why its name leads nowhere. */
  async function placesOf({ admin: at }: Plan): Promise<readonly Place[] | BindFailure> {
    if (at === null) return [];
    const [where = []] = await listenAddresses([{ bindAddress: at.host, port: at.port }], lookUp);
    return 'ok' in where ? { ...where, key: 'admin' } : where.map((it) => ({ ...it, port: at.port }));
  }

  /** Serves all `places` beside those that are served and stay. On failure nothing has changed. */
  async function open(
    places: readonly Place[],
    staying: readonly Served[],
    patienceMs = 0,
  ): Promise<{ readonly ok: true; readonly fresh: readonly Served[] } | BindFailure> {
    const until = performance.now() + patienceMs;
    for (;;) {
      const opened = await Promise.all(places.map(openAt));
      const fresh = opened.filter((it) => it.ok);
      const failure = failureIn([...staying, ...opened]);
      if (failure === null) return { ok: true, fresh };
      await closeAll(fresh);
      if (failure.code !== 'EADDRINUSE' || closed || performance.now() >= until) return failure;
      await sleep(RETRY_MS);
    }
  }

  async function openAt(place: Place): Promise<Served | BindFailure> {
    try {
      return { ok: true, ...place, server: await serve(place.ip, place.port) };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      return { ok: false, address: place.address, code, key: 'admin' };
    }
  }

  /** Serves `next` from now on and closes everything else. */
  async function keep(next: readonly Served[]): Promise<void> {
    const all = new Set([...current, ...next]);
    current = closed ? [] : next;
    await closeAll([...all].filter((it) => !current.includes(it)));
  }

  return {
    async move(plan, isGivenUp) {
      const from = current;
      const wanted = await placesOf(plan);
      if ('ok' in wanted) return wanted;
      const staying = from.filter(isAmong(wanted));
      const leaving = from.filter((it) => !staying.includes(it));
      const missing = wanted.filter((it) => !isAmong(from)(it));
      const isInTheWayOf = ({ code, address }: BindFailure): boolean =>
        code === 'EADDRINUSE' && leaving.some(({ port }) => portOf(address) === String(port));
      const opened = await open(missing, staying);
      if (!opened.ok) {
        if (opened.code !== 'EADDRINUSE') return opened;
        if (!isInTheWayOf(opened) && !(await isGivenUp(opened))) return opened;
      }
      let fresh = opened.ok ? opened.fresh : null;
      return {
        ok: true,
        isInTheWayOf,
        giveUp: () => keep(staying),
        async finish() {
          if (fresh === null) {
            await keep(staying);
            const late = await open(missing, staying, RELEASE_MS);
            if (!late.ok) return late;
            ({ fresh } = late);
          }
          await keep([...staying, ...fresh]);
          return { ok: true };
        },
        async undo() {
          await closeAll(fresh ?? []);
          const left = current.filter(isAmong(from));
          current = left;
          if (closed) return { ok: true };
          const gone = from.filter((it) => !isAmong(left)(it));
          const again = await open(gone, left, RELEASE_MS);
          if (!again.ok) return again;
          await keep([...left, ...again.fresh]);
          return { ok: true };
        },
      };
    },
    async close() {
      closed = true;
      await keep([]);
    },
  };
}

function isAmong(places: readonly Place[]): (place: Place) => boolean {
  return ({ address }) => places.some((it) => it.address === address);
}

async function closeAll(served: readonly Served[]): Promise<void> {
  await Promise.all(served.map(({ server }) => server.close()));
}

// The admin listener through starts and reloads. Owns its servers, one for each address of a name. A new address is bound before a
// reload changes anything, and the old one is closed when the reload has succeeded, unless bal's own sockets are in the way of
// each other.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Plan } from '../../../config/plan.ts';
import type { AdminServer } from '../../control/admin.ts';
import type { lookUpAside } from '../../lookup.ts';
import type { BindFailure } from './listeners.ts';
import { failureIn, listenAddresses, portOf } from './listeners.ts';

/** A move from one plan's address to the next one's. One at a time. */
export interface AdminMove {
  readonly ok: true;
  /** Whether closing the old address may help against `failure`. */
  isInTheWayOf(failure: BindFailure): boolean;
  /** Closes the old address. */
  giveUp(): Promise<void>;
  /** Serves the new address and closes the old one. After a failure neither may be served; call undo(). */
  finish(): Promise<{ readonly ok: true } | BindFailure>;
  /** Serves the old address again. */
  undo(): Promise<{ readonly ok: true } | BindFailure>;
}

export interface AdminListener {
  /**
   * Binds the address of `plan`, if it is not bound already. If a listener that bal is closing is in the way (`isGivenUp`, or the
   * admin listener itself), finish() binds it.
   */
  move(plan: Plan, isGivenUp: (failure: BindFailure) => Promise<boolean>): Promise<AdminMove | BindFailure>;
  /** Closes it for good. */
  close(): Promise<void>;
}

interface Served {
  readonly ok: true;
  readonly at: NonNullable<Plan['admin']>;
  /** One for each address of its name. */
  readonly servers: readonly AdminServer[];
}

/** An address that is being closed is free within milliseconds; allow for a busy worker. */
const RELEASE_MS = 3000;
const RETRY_MS = 10;

/** `serve` binds and serves one address, and rejects with the error of listen(2). */
export function createAdminListener(
  serve: (ip: string, port: number) => Promise<AdminServer>,
  lookUp?: typeof lookUpAside,
): AdminListener {
  let current: Served | null = null;
  let closed = false;

  async function open(at: Served['at'], patienceMs = 0): Promise<Served | BindFailure> {
    const [where = []] = await listenAddresses([{ bindAddress: at.host, port: at.port }], lookUp);
    if ('ok' in where) return { ...where, key: 'admin' };
    const until = performance.now() + patienceMs;
    for (;;) {
      const opened = await Promise.all(where.map(({ ip, address }) => openAt(ip, at.port, address)));
      const servers = opened.flatMap((it) => (it.ok ? [it.server] : []));
      const failure = failureIn(opened);
      if (failure === null) return { ok: true, at, servers };
      await closeAll(servers);
      if (failure.code !== 'EADDRINUSE' || closed || performance.now() >= until) return failure;
      await sleep(RETRY_MS);
    }
  }

  async function openAt(
    ip: string,
    port: number,
    address: string,
  ): Promise<{ readonly ok: true; readonly server: AdminServer } | BindFailure> {
    try {
      return { ok: true, server: await serve(ip, port) };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      return { ok: false, address, code, key: 'admin' };
    }
  }

  async function replaceBy(next: Served | null): Promise<void> {
    const old = current;
    current = closed ? null : next;
    if (closed) await closeAll(next?.servers);
    await closeAll(old?.servers);
  }

  return {
    async move({ admin: to }, isGivenUp) {
      const from = current?.at ?? null;
      const stays = from?.host === to?.host && from?.port === to?.port;
      let fresh: Served | null = null;
      if (to !== null && !stays) {
        const opened = await open(to);
        if (opened.ok) fresh = opened;
        else if (opened.code !== 'EADDRINUSE') return opened;
        else if (portOf(opened.address) !== String(from?.port) && !(await isGivenUp(opened))) return opened;
      }
      return {
        ok: true,
        isInTheWayOf: ({ code, address }) => code === 'EADDRINUSE' && !stays && portOf(address) === String(from?.port),
        giveUp: () => replaceBy(null),
        async finish() {
          if (stays) return { ok: true };
          if (to !== null && fresh === null) {
            await replaceBy(null);
            const opened = await open(to, RELEASE_MS);
            if (!opened.ok) return opened;
            fresh = opened;
          }
          await replaceBy(fresh);
          return { ok: true };
        },
        async undo() {
          await closeAll(fresh?.servers);
          if (current === fresh) current = null;
          if (from === null || current !== null || closed) return { ok: true };
          const opened = await open(from, RELEASE_MS);
          if (!opened.ok) return opened;
          await replaceBy(opened);
          return { ok: true };
        },
      };
    },
    async close() {
      closed = true;
      await replaceBy(null);
    },
  };
}

async function closeAll(servers: readonly AdminServer[] = []): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
}

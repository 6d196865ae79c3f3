// Whether a client may come in: it needs a permit of its service's pool, where that has one, and one of the instance's.
// Owner of this worker's Permits and of the clients that are held until a permit is found.

import { performance } from 'node:perf_hooks';

import { send as sendToPrimary } from '../../ipc/channel.ts';
import type { ToWorker } from '../../ipc/messages.ts';
import type { Assignment } from '../../ipc/assignment.ts';
import type { Send, Permits, Verdict } from './permits.ts';
import { admit, drainPermits, expire, gaveUp, granted, openPermits, recalled, release } from './permits.ts';

const INSTANCE = 0;
const EXPIRE_MS = 500;
/** Clients that may be held for a permit at once: what a long listening queue delivers in one go. */
const MAX_WAITING = 4096;
/** Bits of `held`: which permits a connection has, and whether it counts among those inside. */
const OWN = 1;
const SHARED = 2;
const INSIDE = 4;

export interface Admission {
  /** `now`: performance.now(). `wait`: hold the client, `settled` will be called for it unless it is released before. */
  admit(connection: number, service: number, now: number): 'yes' | 'no' | 'wait';
  /** The connection is over: gives back what it holds. */
  release(connection: number, service: number): void;
  /** The primary's answers. */
  permits(message: Extract<ToWorker, { kind: 'permits' }>): void;
  recall(pool: number): void;
  drain(): void;
  close(): void;
  /** Clients refused because this worker's descriptors carry no more, although there may have been a permit. */
  readonly beyondDescriptors: number;
}

interface Pool {
  readonly permits: Permits;
  /** Connections held for this pool, longest wait first. */
  readonly waiting: number[];
}

/** `settled(connection, admitted)` is called, never from within admit() or release(), for each client that was held. */
export function createAdmission(
  { services: assigned, carries: most }: Assignment,
  settled: (connection: number, admitted: boolean) => void,
  send: Send = sendToPrimary,
): Admission {
  /** By service. */
  const poolOf: (number | null)[] = [];
  for (const { id, pool } of assigned) poolOf[id] = pool;
  /** By their ids, which are small. */
  const pools: (Pool | undefined)[] = [];
  for (const pool of new Set([INSTANCE, ...assigned.flatMap(({ pool }) => pool ?? [])])) {
    pools[pool] = { permits: openPermits(pool, send, performance.now(), MAX_WAITING), waiting: [] };
  }
  const held: number[] = [];
  const carries = most ?? Infinity;
  /** Connections admitted or held. */
  let inside = 0;
  let beyondDescriptors = 0;
  /** The service of each connection that waits. */
  const services = new Map<number, number>();

  function enter(id: number, connection: number, now: number): 'yes' | 'no' | 'wait' {
    const pool = pools[id];
    if (pool === undefined) return 'no';
    const answer = admit(pool.permits, now);
    if (answer === 'yes') held[connection] = (held[connection] ?? 0) | bit(id);
    if (answer === 'wait') pool.waiting.push(connection);
    return answer;
  }

  function giveBack(connection: number, service: number): void {
    const has = held[connection] ?? 0;
    if ((has & (OWN | SHARED)) === 0) return;
    held[connection] = has & INSIDE;
    const own = poolOf[service] ?? null;
    if ((has & OWN) !== 0 && own !== null) release(permitsOf(own));
    if ((has & SHARED) !== 0) release(permitsOf(INSTANCE));
  }

  function permitsOf(id: number): Permits {
    const pool = pools[id];
    if (pool === undefined) throw new Error(`Cannot use permit pool ${id}: this worker has none of that number`);
    return pool.permits;
  }

  /** The own pool first: it is the smaller one, so the instance's permits are not taken for clients that it refuses. */
  function request(connection: number, service: number, now: number): 'yes' | 'no' | 'wait' {
    const own = poolOf[service] ?? null;
    if (own !== null && ((held[connection] ?? 0) & OWN) === 0) {
      const answer = enter(own, connection, now);
      if (answer !== 'yes') return answer;
    }
    const answer = enter(INSTANCE, connection, now);
    if (answer === 'no') giveBack(connection, service);
    return answer;
  }

  function settle(id: number, { admitted, refused }: Verdict): void {
    const pool = pools[id];
    if (pool === undefined) return;
    for (let i = 0; i < admitted + refused; i++) {
      const connection = pool.waiting.shift();
      if (connection === undefined) return;
      const service = services.get(connection) ?? 0;
      let answer: 'yes' | 'no' | 'wait' = 'no';
      if (i < admitted) {
        held[connection] = (held[connection] ?? 0) | bit(id);
        answer = id === INSTANCE ? 'yes' : request(connection, service, performance.now());
      } else {
        giveBack(connection, service);
      }
      if (answer === 'wait') continue;
      services.delete(connection);
      settled(connection, answer === 'yes');
    }
  }

  const timer = setInterval(() => {
    const now = performance.now();
    pools.forEach((pool, id) => pool !== undefined && settle(id, expire(pool.permits, now)));
  }, EXPIRE_MS);
  timer.unref();

  return {
    admit(connection, service, now) {
      if (inside >= carries) {
        beyondDescriptors++;
        return 'no';
      }
      const answer = request(connection, service, now);
      if (answer === 'no') return answer;
      inside++;
      held[connection] = (held[connection] ?? 0) | INSIDE;
      if (answer === 'wait') services.set(connection, service);
      return answer;
    },
    release(connection, service) {
      // Nobody waits, as a rule: the check saves a look-up for every connection.
      if (services.size > 0 && services.delete(connection)) {
        for (const pool of pools) {
          if (pool === undefined) continue;
          const place = pool.waiting.indexOf(connection);
          if (place === -1) continue;
          pool.waiting.splice(place, 1);
          gaveUp(pool.permits);
        }
      }
      giveBack(connection, service);
      if (((held[connection] ?? 0) & INSIDE) !== 0) inside--;
      held[connection] = 0;
    },
    permits(message) {
      const pool = pools[message.pool];
      if (pool !== undefined) settle(message.pool, granted(pool.permits, message, performance.now()));
    },
    recall(id) {
      const pool = pools[id];
      if (pool !== undefined) recalled(pool.permits);
    },
    drain() {
      for (const pool of pools) if (pool !== undefined) drainPermits(pool.permits);
    },
    close() {
      clearInterval(timer);
    },
    get beyondDescriptors() {
      return beyondDescriptors;
    },
  };
}

function bit(pool: number): number {
  return pool === INSTANCE ? SHARED : OWN;
}

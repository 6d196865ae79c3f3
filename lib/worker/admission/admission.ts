// Decides whether a client is admitted: it needs a permit of the instance's pool, and one of its service's where that has a
// pool. Owns this worker's Permits and the clients held until a permit is found; with `overload_policy: queue` they are held
// until one is free again or their time is over.

import { performance } from 'node:perf_hooks';

import { send as sendToPrimary } from '../../ipc/channel.ts';
import type { ToWorker } from '../../ipc/messages.ts';
import type { Assignment } from '../../ipc/assignment.ts';
import type { Moving } from './moving.ts';
import { bit, createMoving, INSIDE, INSTANCE, OWN, SHARED } from './moving.ts';
import { createPatience } from './patience.ts';
import type { Send, Permits, Verdict } from './permits.ts';
import {
  admit,
  becamePatient,
  drainPermits,
  expire,
  gaveUp,
  granted,
  hasIdle,
  mayHold,
  recalled,
  release,
  wasPatient,
} from './permits.ts';
import { createPools, type Pool } from './pools.ts';
import type { Waiting } from './waiting.ts';

const EXPIRE_MS = 500;

export interface Admission extends Moving {
  /** `now`: performance.now(). `wait`: hold the client, `settled` will be called for it unless it is released before. */
  admit(connection: number, service: number, now: number): 'yes' | 'no' | 'wait';
  /** Completes the admission of a client whose service was not known yet. */
  complete(connection: number, service: number, now: number): 'yes' | 'no' | 'wait';
  /** Gives back what a connection that is over holds. */
  release(connection: number, service: number): void;
  /** Handles the primary's answer. */
  permits(message: Extract<ToWorker, { kind: 'permits' }>): void;
  recall(pool: number): void;
  drain(): void;
  /** No new clients come: the timer stops when no client waits, until an admitted one has to wait again. */
  rest(): void;
  close(): void;
  /** Whether this worker's descriptors suffice for one more connection. */
  readonly hasRoom: boolean;
  /** Clients refused for lack of descriptors, although there may have been a permit. */
  readonly beyondDescriptors: number;
}

/** Calls `settled(connection, admitted)` for each client that was held, never from within admit() or release(). */
export function createAdmission(
  { services: assigned, carries: most }: Assignment,
  waiting: Waiting,
  settled: (connection: number, admitted: boolean) => void,
  send: Send = sendToPrimary,
): Admission {
  /** By service. */
  const poolOf: (number | null)[] = [];
  for (const { id, pool } of assigned) poolOf[id] = pool;
  const pools = createPools(assigned, waiting, send);
  const held: number[] = [];
  const carries = most ?? Infinity;
  /** Connections admitted or held. */
  let inside = 0;
  let beyondDescriptors = 0;
  /** The service of each connection that waits. */
  const services = new Map<number, number>();
  const patient = createPatience((connection) => {
    leaveLines(connection);
    refuse(connection);
  });
  let rests = false;

  function enter(id: number, connection: number, service: number, now: number): 'yes' | 'no' | 'wait' {
    const pool = pools[id];
    if (pool === undefined) return 'no';
    const patience = waiting.patience(service);
    const queues = patience > 0 && !hasIdle(pool.permits) && !patient.has(connection);
    // If the queue is full, the client is held only until the primary has answered: there may be a permit.
    const enters = queues && mayHold(pool.permits) && waiting.enter(service);
    const answer = admit(pool.permits, now, enters || patient.has(connection));
    if (answer === 'yes') held[connection] = (held[connection] ?? 0) | bit(id);
    else if (answer === 'wait') pool.waiting.push(connection);
    if (enters) patient.begin(connection, now + patience);
    return answer;
  }

  /** Ends the connection's wait. */
  function forget(connection: number): void {
    const service = services.get(connection);
    services.delete(connection);
    if (patient.end(connection) && service !== undefined) waiting.leave(service);
  }

  /** Removes the connection from every pool's line. */
  function leaveLines(connection: number): void {
    for (const pool of pools) {
      const place = pool?.waiting.indexOf(connection) ?? -1;
      if (pool === undefined || place === -1) continue;
      pool.waiting.splice(place, 1);
      gaveUp(pool.permits, patient.has(connection));
    }
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

  /** Asks the service's own, smaller pool first: no permit of the instance is taken for clients that the pool refuses. */
  function request(connection: number, service: number, now: number): 'yes' | 'no' | 'wait' {
    const own = poolOf[service] ?? null;
    if (own !== null && ((held[connection] ?? 0) & OWN) === 0) {
      const answer = enter(own, connection, service, now);
      if (answer !== 'yes') return answer;
    }
    const answer = ((held[connection] ?? 0) & SHARED) !== 0 ? 'yes' : enter(INSTANCE, connection, service, now);
    if (answer === 'no') giveBack(connection, service);
    return answer;
  }

  function settle(id: number, { admitted, refused }: Verdict): void {
    const pool = pools[id];
    if (pool === undefined) return;
    const lucky = pool.waiting.splice(0, admitted);
    for (const connection of lucky) if (patient.has(connection)) wasPatient(pool.permits);
    for (const connection of lucky) {
      const service = services.get(connection);
      if (service === undefined) {
        // It ended while those before it were settled.
        release(pool.permits);
        continue;
      }
      held[connection] = (held[connection] ?? 0) | bit(id);
      const answer = id === INSTANCE ? 'yes' : request(connection, service, performance.now());
      if (answer === 'wait') continue;
      forget(connection);
      settled(connection, answer === 'yes');
    }
    if (admitted > 0) joinQueue(pool);
    if (refused === 0) return;
    const impatient = pool.waiting.filter((connection) => !patient.has(connection));
    pool.waiting = pool.waiting.filter((connection) => patient.has(connection));
    for (const connection of impatient) refuse(connection);
  }

  /** There is room in the queue again for clients that came when it was full. */
  function joinQueue({ permits, waiting: line }: Pool): void {
    if (!permits.queues) return;
    for (const connection of line) {
      const service = services.get(connection) ?? 0;
      if (patient.has(connection) || !waiting.enter(service)) continue;
      patient.begin(connection, performance.now() + waiting.patience(service));
      becamePatient(permits);
    }
  }

  function refuse(connection: number): void {
    const service = services.get(connection) ?? 0;
    forget(connection);
    giveBack(connection, service);
    settled(connection, false);
  }

  const look = (): void => {
    pools.forEach((pool, id) => pool !== undefined && settle(id, expire(pool.permits, performance.now())));
    if (rests && services.size === 0) clearInterval(timer);
  };
  let timer = setInterval(look, EXPIRE_MS).unref();

  const moving = createMoving(
    held,
    poolOf,
    (id) => pools[id]?.permits,
    (change) => (inside += change),
  );

  return {
    ...moving,
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
    complete(connection, service, now) {
      if ((poolOf[service] ?? null) === null) return 'yes';
      const answer = request(connection, service, now);
      if (answer !== 'wait') return answer;
      // While it waits for the service's permit, others may use its permit of the instance.
      giveBack(connection, service);
      services.set(connection, service);
      if (rests) clearInterval(timer);
      if (rests) timer = setInterval(look, EXPIRE_MS).unref();
      return answer;
    },
    release(connection, service) {
      // Usually no client waits: the check saves a lookup per connection.
      if (services.size > 0 && services.has(connection)) {
        leaveLines(connection);
        forget(connection);
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
    rest() {
      rests = true;
    },
    close() {
      clearInterval(timer);
      patient.close();
    },
    get hasRoom() {
      return inside < carries;
    },
    get beyondDescriptors() {
      return beyondDescriptors;
    },
  };
}

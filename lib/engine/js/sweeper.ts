// Looks at all open connections periodically: which were lost while nobody read them, on which nothing moves any more,
// which are old enough for keepalive probes. Owns the time of a connection's last movement.
//
// Bytes handed to the kernel may be on their way for long: a slow reader empties a send buffer of megabytes. Only the
// kernel's tables say how much is left (see kernel.ts), and they are long. So they are read only when connections that
// sent enough to keep a reader busy have been quiet for a while, for all of these together, and never for more than a
// twentieth of a core.

import type { Connection } from './connection.ts';
import { queuesOf } from './kernel.ts';
import type { Queues } from './kernel.ts';
import { keepAlive } from './listener.ts';
import { patience } from './rest.ts';
import { Ticker } from './ticker.ts';

/** Shortest and longest period. In between: a fiftieth of the shortest time that a connection may be quiet. */
const SWEEP_MS = { most: 100, least: 1000 };
const SWEEPS = 50;
/** How many times per permitted quiet time the tables are read for a connection. */
const LOOKS = 25;
/** A slow reader takes fewer bytes than this quickly, because its kernel has room for them. */
const WORTH_A_LOOK = 64 * 1024;
const PAUSE_PER_LOOK = 20;
/** When keepalive towards the backend is turned on. Sparing younger connections saves system calls on short ones. */
const PROBED_AFTER_MS = 5000;

export class Sweeper {
  readonly #connections: readonly (Connection | undefined)[];
  readonly #ticker = new Ticker(SWEEP_MS.least, (now, punctual) => this.#sweep(now, punctual));
  #nextLook = 0;

  /** `connections` changes as they come and go. */
  constructor(connections: readonly (Connection | undefined)[]) {
    this.#connections = connections;
  }

  /** Announces connections that may be quiet for this long. */
  expect(quietMs: number): void {
    this.#ticker.shorten(Math.max(SWEEP_MS.most, quietMs / SWEEPS));
  }

  start(): void {
    this.#ticker.start();
  }

  stop(): void {
    this.#ticker.stop();
  }

  #sweep(now: number, punctual: boolean): boolean {
    let isAny = false;
    const unsure: Connection[] = [];
    for (const connection of this.#connections) {
      isAny ||= connection !== undefined;
      const { client, backend } = connection ?? {};
      if (connection?.stage !== 'open' || !client || !backend) continue;
      // A side that is not read shows a reset only by losing its peer's name.
      if (client.quiet && client.lost) connection.sideLost(client);
      else if (backend.quiet && backend.lost) connection.sideLost(backend);
      else if (connection.moved || client.progressed() || backend.progressed()) {
        connection.moved = false;
        connection.lastMoved = now;
      } else if (!punctual) continue;
      else if (!mayBeSending(connection)) connection.quiet(now);
      else if (now - Math.max(connection.lastMoved, connection.lastLook) >= patience(connection) / LOOKS) {
        unsure.push(connection);
      }
      probe(connection, now);
    }
    if (unsure.length > 0 && now >= this.#nextLook) this.#look(unsure, now);
    return isAny;
  }

  #look(unsure: readonly Connection[], now: number): void {
    const before = process.cpuUsage();
    const queues = queuesOf(unsure.flatMap(({ fds }) => fds));
    const { user, system } = process.cpuUsage(before);
    this.#nextLook = now + (PAUSE_PER_LOOK * (user + system)) / 1000;
    for (const connection of unsure) {
      const left = sending(connection, queues);
      // When it moved is unknown, only that it did. Taking `now` is never early.
      if (queues !== null && (connection.knownBytes !== bytes(connection) || left !== connection.sending)) {
        connection.lastMoved = now;
      }
      connection.lastLook = now;
      connection.knownBytes = bytes(connection);
      connection.sending = left;
      connection.quiet(now);
    }
  }
}

function bytes({ bytesIn, bytesOut }: Connection): number {
  return bytesIn + bytesOut;
}

function mayBeSending(connection: Connection): boolean {
  return connection.sending > 0 || bytes(connection) - connection.knownBytes >= WORTH_A_LOOK;
}

function sending({ fds }: Connection, queues: ReadonlyMap<number, Queues> | null): number {
  return fds.reduce((sum, fd) => sum + (queues?.get(fd)?.sending ?? 0), 0);
}

function probe(connection: Connection, now: number): void {
  const { keepaliveMs } = connection.target.service.settings;
  if (connection.probed || keepaliveMs === 0) return;
  if (now - connection.attemptedAt < Math.min(keepaliveMs, PROBED_AFTER_MS)) return;
  const handle = connection.backend?.socket.handle;
  if (handle) keepAlive(handle, keepaliveMs);
  connection.probed = true;
}

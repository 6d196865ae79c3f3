// Looks at all open connections every now and then: which were lost while nobody read from them, on which nothing moves
// any more, which have been open long enough for keepalive probes. Owner of what a connection's last movement is.
//
// What was handed to the kernel may be on its way for long after: a slow reader empties a send buffer of megabytes. How
// much is left tell the kernel's tables only (see kernel.ts), and they are long. So they are read when a connection has
// been quiet for a while that has sent enough to keep a reader busy, for all of those together, and never for more than
// a twentieth of a processor.

import type { Connection } from './connection.ts';
import { queuesOf } from './kernel.ts';
import type { Queues } from './kernel.ts';
import { keepAlive } from './listener.ts';
import { patience } from './rest.ts';
import { Ticker } from './ticker.ts';

/** How often at most and at least; in between, 50 times in the shortest time that a connection may be quiet. */
const SWEEP_MS = { most: 100, least: 1000 };
const SWEEPS = 50;
/** The tables are asked about a connection so many times in that time. */
const LOOKS = 25;
/** Fewer bytes than this no slow reader takes long for: its own kernel has room for them. */
const WORTH_A_LOOK = 64 * 1024;
const PAUSE_PER_LOOK = 20;
/** Younger connections have no probes towards the backend: short ones are spared the system calls. */
const PROBED_AFTER_MS = 5000;

export class Sweeper {
  readonly #connections: readonly (Connection | undefined)[];
  readonly #ticker = new Ticker(SWEEP_MS.least, (now, punctual) => this.#sweep(now, punctual));
  #nextLook = 0;

  /** `connections` changes as they come and go. */
  constructor(connections: readonly (Connection | undefined)[]) {
    this.#connections = connections;
  }

  /** Connections that may be quiet for so long are coming. */
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
      // A side that is not read from shows its reset only by its name.
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
      // When it has moved is not known, only that it has: never early.
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

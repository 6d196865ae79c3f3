// Clients that wait for an endpoint, because all that work have as many connections as they may have. First come, first served: with
// each worker, and where workers share memory over all of them. There each client has a number, and the lowest one of every worker
// is for all to see: whoever has room for another's client calls that worker (lib/engine/scoreboard.ts).

import type { Board } from '../../engine/scoreboard.ts';
import { HEADS_AT, SHARED_SERVICES, TICKETS_AT, WAITING_ROWS } from '../../engine/scoreboard.ts';
import { WAIT } from '../../engine/engine.ts';
import type { Waiting } from './waiting.ts';

/** Also how often is looked, in case nobody has called, for clients that have waited long enough and for room. */
const LOOK_MS = 50;
/** Who did not come for a client of theirs though there was room is not waited for, for any of their clients, for so long. */
const PASS_OVER_MS = 1000;

export interface Queue {
  /**
   * The client waits, of all its patience from `since` on (performance.now()); false: it may not. `hasWaited`: for a permit, or for
   * another endpoint. `isPicky`: it does not take every endpoint of the service, for it has tried some.
   */
  join(connection: number, service: number, since: number, hasWaited: boolean, isPicky: boolean): boolean;
  /** The connection is over; nothing for one that does not wait. */
  leave(connection: number, service: number): void;
  /** Somebody else's turn comes first. */
  isWaitedFor(service: number): boolean;
  /** One of its endpoints may have room now. From within the policy's callbacks, too. */
  room(service: number): void;
  /** Another worker says so. */
  called(): void;
  close(): void;
}

export interface QueueParts {
  readonly waiting: Waiting;
  readonly board: Board | null;
  /** Where it goes now: a target, REFUSE, or WAIT where there is still no room. */
  readonly place: (connection: number, service: number) => number;
  /** Some endpoint that works is not full. */
  readonly hasRoom: (service: number) => boolean;
  /** It has waited long enough. */
  readonly late: (connection: number) => number;
  /** Called outside the policy's callbacks. */
  readonly settled: (connection: number, target: number) => void;
}

interface Client {
  readonly ticket: number;
  readonly until: number;
  /** Room that is there may be none for it: others do not wait for it, and it has its turn when this worker looks. */
  readonly isPicky: boolean;
}

interface Line {
  readonly service: number;
  /** By connection, longest wait first. */
  readonly clients: Map<number, Client>;
  /** The number that was first in turn at the last tick, with another worker that did not come for it though there was room; 0: none. */
  seen: number;
  /**
   * Rows of workers that had not come at the tick after that either, each until when (performance.now()): they are stopped or dead for
   * a moment, or do not see the room.
   */
  readonly passedOver: Map<number, number>;
}

export function createQueue({ waiting, board, place, hasRoom, late, settled }: QueueParts): Queue {
  /** By service. */
  const lines: (Line | undefined)[] = [];
  const due = new Set<number>();
  let timer: NodeJS.Timeout | null = null;
  let isScheduled = false;
  let tickets = 0;

  function sharedRow(service: number): number {
    return board !== null && service < SHARED_SERVICES && board.row < WAITING_ROWS ? board.row : 0;
  }

  function nextTicket(service: number): number {
    if (board === null || service >= SHARED_SERVICES) return ++tickets;
    // 0 is nobody's.
    for (;;) {
      const ticket = (Atomics.add(board.all, TICKETS_AT + service, 1) + 1) | 0;
      if (ticket !== 0) return ticket;
    }
  }

  function showHead({ service, clients }: Line): void {
    const row = sharedRow(service);
    if (board === null || row === 0) return;
    Atomics.store(board.all, HEADS_AT + service * WAITING_ROWS + row, headOf(clients)?.ticket ?? 0);
  }

  function lineOf(service: number): Line {
    return (lines[service] ??= { service, clients: new Map(), seen: 0, passedOver: new Map() });
  }

  function isPassedOver(line: Line | undefined, row: number): boolean {
    // Nobody is, as a rule.
    if (line === undefined || line.passedOver.size === 0) return false;
    const until = line.passedOver.get(row) ?? 0;
    if (until > performance.now()) return true;
    line.passedOver.delete(row);
    return false;
  }

  /** The row of the worker whose client comes before that with `ticket`, null: before all; 0: nobody's. */
  function before(service: number, ticket: number | null): { row: number; ticket: number } {
    const first = { row: 0, ticket: ticket ?? 0 };
    if (board === null || service >= SHARED_SERVICES) return first;
    const at = HEADS_AT + service * WAITING_ROWS;
    for (let row = 1; row < WAITING_ROWS; row++) {
      const head = board.all[at + row] ?? 0;
      if (head === 0 || row === board.row) continue;
      // The numbers begin again some day.
      if (first.ticket !== 0 && ((head - first.ticket) | 0) > 0) continue;
      if (isPassedOver(lines[service], row)) continue;
      first.row = row;
      first.ticket = head;
    }
    return first;
  }

  function remove(line: Line, connection: number): void {
    line.clients.delete(connection);
    waiting.leave(line.service);
    showHead(line);
  }

  function serve(line: Line): void {
    for (const [connection, { ticket, isPicky }] of line.clients) {
      if (callsFirst(line.service, ticket)) return;
      const target = place(connection, line.service);
      if (target === WAIT && isPicky) continue;
      if (target === WAIT) return;
      remove(line, connection);
      settled(connection, target);
    }
    callsFirst(line.service, null);
  }

  /** Somebody else's client comes before that with `ticket`, and that worker is called. */
  function callsFirst(service: number, ticket: number | null): boolean {
    const { row } = before(service, ticket);
    if (row !== 0) board?.call(row);
    return row !== 0;
  }

  function look(): void {
    isScheduled = false;
    const services = [...due];
    due.clear();
    for (const service of services) {
      const line = lines[service];
      if (line !== undefined) serve(line);
    }
  }

  function schedule(service: number): void {
    due.add(service);
    if (isScheduled) return;
    isScheduled = true;
    queueMicrotask(look);
  }

  /** Looks whether another worker leaves the turn that its client has, which comes before that with `ticket`, unused. */
  function passOver(line: Line, ticket: number, now: number): void {
    const other = before(line.service, ticket);
    const stays = other.row !== 0 && hasRoom(line.service) ? other.ticket : 0;
    if (stays !== 0 && stays === line.seen) line.passedOver.set(other.row, now + PASS_OVER_MS);
    line.seen = stays;
  }

  function tick(): void {
    const now = performance.now();
    let someWait = false;
    for (const line of lines) {
      if (line === undefined) continue;
      for (const [connection, { until }] of line.clients) {
        if (until > now) continue;
        remove(line, connection);
        settled(connection, late(connection));
      }
      const [first] = line.clients;
      if (first === undefined) continue;
      someWait = true;
      passOver(line, (headOf(line.clients) ?? first[1]).ticket, now);
      serve(line);
    }
    timer = someWait ? setTimeout(tick, LOOK_MS) : null;
  }

  return {
    join(connection, service, since, hasWaited, isPicky) {
      if (!waiting.enter(service, hasWaited)) return false;
      const line = lineOf(service);
      line.clients.set(connection, { ticket: nextTicket(service), until: since + waiting.patience(service), isPicky });
      showHead(line);
      timer ??= setTimeout(tick, LOOK_MS);
      // There may have been room since it was looked for.
      schedule(service);
      return true;
    },
    leave(connection, service) {
      const line = lines[service];
      if (line?.clients.has(connection) === true) remove(line, connection);
    },
    isWaitedFor(service) {
      if (!waiting.any(service)) return false;
      return (lines[service]?.clients.size ?? 0) > 0 || before(service, null).row !== 0;
    },
    room(service) {
      if (!waiting.any(service)) return;
      lineOf(service);
      schedule(service);
    },
    called() {
      lines.forEach((line) => line !== undefined && schedule(line.service));
    },
    close() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}

/** The first of those that take any room that there is. */
function headOf(clients: ReadonlyMap<number, Client>): Client | null {
  for (const client of clients.values()) if (!client.isPicky) return client;
  return null;
}

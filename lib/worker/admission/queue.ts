// Queues clients for an endpoint while all working ones are at their connection limit. First come, first served: within a
// worker, and across all workers where they share memory. There each client has a ticket, and every worker publishes its lowest
// one: a worker with room for another worker's client calls that worker (lib/engine/scoreboard.ts).

import type { Board } from '../../engine/scoreboard.ts';
import { HEADS_AT, SHARED_SERVICES, TICKETS_AT, WAITING_ROWS } from '../../engine/scoreboard.ts';
import { WAIT } from '../../engine/engine.ts';
import type { Waiting } from './waiting.ts';

/** Interval for checking expired clients, and for room in case no call has come. */
const LOOK_MS = 50;
/** A worker that left room unused for its client is passed over this long, for all its clients. */
const PASS_OVER_MS = 1000;

export interface Queue {
  /**
   * Queues the client; its patience counts from `since` (performance.now()). False: it may not wait. `hasWaited`: it already
   * waited for a permit or another endpoint. `isPicky`: it has tried some endpoints, so it does not take every one.
   */
  join(connection: number, service: number, since: number, hasWaited: boolean, isPicky: boolean): boolean;
  /** Removes a connection that is over; does nothing if it does not wait. */
  leave(connection: number, service: number): void;
  /** Whether another client's turn comes first. */
  isWaitedFor(service: number): boolean;
  /** One of the service's endpoints may have room. May be called from the policy's callbacks. */
  room(service: number): void;
  /** Another worker called: there may be room. */
  called(): void;
  close(): void;
}

export interface QueueParts {
  readonly waiting: Waiting;
  readonly board: Board | null;
  /** Returns a target, REFUSE, or WAIT while there is still no room. */
  readonly place: (connection: number, service: number) => number;
  /** Whether some working endpoint is not full. */
  readonly hasRoom: (service: number) => boolean;
  /** Handles a client that has waited long enough. */
  readonly late: (connection: number) => number;
  /** Called outside the policy's callbacks. */
  readonly settled: (connection: number, target: number) => void;
}

interface Client {
  readonly ticket: number;
  readonly until: number;
  /** It may be unable to use the room that there is: others do not wait for it. It gets its turn when this worker looks. */
  readonly isPicky: boolean;
}

interface Line {
  readonly service: number;
  /** By connection, longest wait first. */
  readonly clients: Map<number, Client>;
  /** The ticket that was first at the last tick, if another worker had left room unused for it; 0: none. */
  seen: number;
  /**
   * Rows of workers that had still not come one tick later, each with its end (performance.now()): they are stopped or dead for a
   * moment, or do not see the room.
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
    // 0 means no ticket.
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
    // Usually no worker is.
    if (line === undefined || line.passedOver.size === 0) return false;
    const until = line.passedOver.get(row) ?? 0;
    if (until > performance.now()) return true;
    line.passedOver.delete(row);
    return false;
  }

  /** Finds the worker whose client comes before `ticket` (null: first of all). Row 0: none does. */
  function before(service: number, ticket: number | null): { row: number; ticket: number } {
    const first = { row: 0, ticket: ticket ?? 0 };
    if (board === null || service >= SHARED_SERVICES) return first;
    const at = HEADS_AT + service * WAITING_ROWS;
    for (let row = 1; row < WAITING_ROWS; row++) {
      const head = board.all[at + row] ?? 0;
      if (head === 0 || row === board.row) continue;
      // Tickets wrap around.
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

  /** Calls the worker whose client comes before `ticket`. Returns whether there is one. */
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

  /** Passes over another worker whose client comes before `ticket` if it leaves its turn unused. */
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
      // Room may have become free since the last look.
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

/** Returns the first client that is not picky. */
function headOf(clients: ReadonlyMap<number, Client>): Client | null {
  for (const client of clients.values()) if (!client.isPicky) return client;
  return null;
}

// TCP health checks that the addon repeats by itself as long as they pass. Native engine only. What passed is
// collected from time to time, so a check costs no JavaScript.

import { getSystemErrorName } from 'node:util';
import type { Addon } from './addon.ts';

/** A check to repeat. Times in ms. */
export interface Round {
  readonly ip: string;
  readonly port: number;
  /** Until the first check; the others follow after `periodMs` ± a tenth. */
  readonly inMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  /**
   * So many checks passed since the last call; the last of them began then (performance.now()). `isLast`: the round was
   * ended while a check was under way, and this is all.
   */
  passed(count: number, began: number, isLast: boolean): void;
  /** Clients' connects have replaced so many checks since the last call; the last of these connects began then. */
  trusted(count: number, began: number): void;
  /** A check that began then failed with this errno's name. No check follows. */
  failed(code: string, began: number): void;
}

export interface RunningRound {
  /** A client's connect that began then has succeeded: it replaces checks for a period. */
  reached(began: number): void;
  /**
   * Ends the round and forgets what was not collected. With `mayFinish`, reports that first; if a check is under way,
   * returns true, and the round ends with its result.
   */
  end(mayFinish?: boolean): boolean;
}

export interface TcpRounds {
  /** Null if it could not begin. */
  begin(round: Round): RunningRound | null;
  /** Reports everything until now. */
  collect(): void;
  /** Reports nothing any more. Idempotent. */
  close(): void;
}

/** Rows collected at a time, and their length. */
const ROWS = 64;
const COLUMNS = 4;

/** Same as in tcp-rounds.c: instead of an errno, and the rows of a seat. */
const LAST = -1;
const TRUSTS = -2;
const ROWS_EACH = 3;

/** What the addon can take. */
const MAX_AGO_US = 2 ** 31 - 1;

/** How long passed checks may wait to be collected. Whoever looks at them collects them before. */
const COLLECT_MS = 5000;

interface Seat {
  readonly round: Round;
  /** It was ended, or has failed: nothing of it is reported any more. */
  over: boolean;
}

/** One row. */
interface News {
  readonly seat: Seat | undefined;
  readonly passes: number;
  readonly began: number;
  readonly error: number;
}

/** Throws an Error with `code`. */
export function openTcpRounds(addon: Pick<Addon, 'openTcpRounds'>): TcpRounds {
  const results = new Int32Array(ROWS * COLUMNS);
  /** By the addon's number. */
  const seats = new Map<number, Seat>();
  /** What was collected, in its order. */
  let unreported: News[] = [];
  let closed = false;
  let collecting = false;
  let timer: NodeJS.Timeout | undefined;
  const native = addon.openTcpRounds(collect);

  function collect(): void {
    // What is told of one check may ask for the others.
    if (collecting || closed || seats.size === 0) return;
    collecting = true;
    try {
      let rows: number;
      do {
        rows = native.collect(results);
        report(rows);
        // The addon leaves room for all rows of a seat.
      } while (rows > ROWS - ROWS_EACH && !closed);
    } finally {
      collecting = false;
    }
  }

  function report(rows: number): void {
    const now = performance.now();
    // Read all before the first call, which may begin a round that gets the number of another.
    for (let row = 0; row < rows; row++) unreported.push(readRow(row * COLUMNS, now));
    for (let news = unreported.shift(); news !== undefined; news = unreported.shift()) tell(news);
  }

  function tell({ seat, passes, began, error }: News): void {
    if (seat === undefined || seat.over || closed) return;
    seat.over = isEnd(error);
    if (error === TRUSTS) seat.round.trusted(passes, began);
    else if (error > 0) seat.round.failed(getSystemErrorName(-error), began);
    else seat.round.passed(passes, began, error === LAST);
  }

  /** Ahead of the others'. */
  function reportOf(seat: Seat): void {
    const its = unreported.filter((news) => news.seat === seat);
    if (its.length > 0) unreported = unreported.filter((news) => news.seat !== seat);
    for (const news of its) tell(news);
  }

  function readRow(at: number, now: number): News {
    const number = results[at] ?? -1;
    const error = results[at + 3] ?? 0;
    const seat = seats.get(number);
    if (isEnd(error)) seats.delete(number);
    return { seat, passes: results[at + 1] ?? 0, began: now - (results[at + 2] ?? 0) / 1000, error };
  }

  return {
    begin(round) {
      if (closed) return null;
      const { ip, port, inMs, periodMs, timeoutMs } = round;
      const number = native.begin(ip, port, whole(inMs, 0), whole(periodMs, 1), whole(timeoutMs, 1));
      if (number < 0) return null;
      const seat: Seat = { round, over: false };
      seats.set(number, seat);
      timer ??= setInterval(collect, COLLECT_MS).unref();
      const isOpen = (): boolean => !closed && seats.get(number) === seat;
      return {
        reached(began) {
          const usAgo = Math.round((performance.now() - began) * 1000);
          if (isOpen() && usAgo <= MAX_AGO_US) native.reached(number, Math.max(0, usAgo));
        },
        end(mayFinish = false) {
          if (mayFinish) {
            reportOf(seat);
            collect();
          }
          if (mayFinish && isOpen() && native.last(number) === 1) return true;
          seat.over = true;
          if (isOpen()) {
            seats.delete(number);
            native.end(number);
          }
          return false;
        },
      };
    },
    collect,
    close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      seats.clear();
      native.close();
    },
  };
}

/** Whether the addon has freed the seat. */
function isEnd(error: number): boolean {
  return error > 0 || error === LAST;
}

function whole(ms: number, least: number): number {
  return Math.max(least, Math.round(ms));
}

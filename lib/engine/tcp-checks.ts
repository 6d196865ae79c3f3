// TCP health checks: connects by the addon that are closed as soon as they are accepted. Native engine only. They cost
// less than half of Node's sockets.

import { getSystemErrorName } from 'node:util';
import type { Addon } from './addon.ts';

export interface TcpChecks {
  /**
   * Returns 'accepted' if that is known at once, as on this machine. Otherwise `done` is called once and later, with
   * null if the connect was accepted, else with the errno's name. There is no time limit but the kernel's two minutes.
   * `source`: the source address; undefined: the system chooses.
   */
  start(
    ip: string,
    port: number,
    source: string | undefined,
    done: (code: string | null) => void,
  ): TcpCheck | 'accepted';
  /** Prevents `done` from being called. Idempotent. */
  cancel(check: TcpCheck): void;
  /** Nothing is called after it. Idempotent. */
  close(): void;
}

export interface TcpCheck {
  /** Null when the check is over. */
  done: ((code: string | null) => void) | null;
  /** Negative: it could not start. */
  readonly number: number;
}

/** Same as in tcp-check.c, returned instead of a number. */
const ACCEPTED = 65_536;

/** Results collected at a time, two numbers each. */
const AT_ONCE = 64;

/** Interval at which accepted checks are closed once the peer has closed. */
const SWEEP_MS = 100;

/** Throws an Error with `code`. */
export function openTcpChecks(addon: Pick<Addon, 'openTcpChecks'>): TcpChecks {
  const results = new Int32Array(2 * AT_ONCE);
  const underWay = new Map<number, TcpCheck>();
  let sweeping: NodeJS.Timeout | undefined;
  let closed = false;
  const native = addon.openTcpChecks(collectAll);

  function collectAll(): void {
    let count = AT_ONCE;
    while (count === AT_ONCE && !closed) {
      count = native.collect(results);
      // Read all before the first callback, which may start a check that reuses a number.
      const over = Array.from({ length: count }, (_, i) => {
        const [number = -1, error = 0] = results.subarray(2 * i);
        const check = underWay.get(number);
        underWay.delete(number);
        return { check, code: error === 0 ? null : getSystemErrorName(-error) };
      });
      sweepSoon();
      for (const { check, code } of over) if (check !== undefined) finish(check, code);
    }
  }

  function finish(check: TcpCheck, code: string | null): void {
    const { done } = check;
    check.done = null;
    done?.(code);
  }

  function sweepSoon(): void {
    if (!closed) sweeping ??= setTimeout(sweep, SWEEP_MS).unref();
  }

  function sweep(): void {
    sweeping = undefined;
    if (native.sweep() > 0) sweepSoon();
  }

  return {
    start(ip, port, source, done) {
      const number = native.start(ip, port, source ?? '');
      if (number === ACCEPTED) {
        sweepSoon();
        return 'accepted';
      }
      const check: TcpCheck = { done, number };
      if (number >= 0) underWay.set(number, check);
      else queueMicrotask(() => closed || finish(check, getSystemErrorName(number)));
      return check;
    },
    cancel(check) {
      check.done = null;
      if (closed || underWay.get(check.number) !== check) return;
      underWay.delete(check.number);
      native.cancel(check.number);
    },
    close() {
      if (closed) return;
      closed = true;
      clearTimeout(sweeping);
      for (const check of underWay.values()) check.done = null;
      underWay.clear();
      native.close();
    },
  };
}

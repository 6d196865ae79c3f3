// Whether somebody listens: connects of the addon's that are over as soon as they stand. Native engine only; they cost
// a third of Node's sockets.

import { getSystemErrorName } from 'node:util';
import type { Addon } from './addon.ts';

export interface Knocks {
  /**
   * `done` is called once and later, with null when the connect stood, else with the errno's name. Without a time
   * limit of its own: the kernel's is two minutes. `source`: where it comes from; undefined: the system chooses.
   */
  knock(ip: string, port: number, source: string | undefined, done: (code: string | null) => void): Knock;
  /** `done` is not called any more. More than once does nothing. */
  cancel(knock: Knock): void;
  /** Nothing is called after it. More than once does nothing. */
  close(): void;
}

export interface Knock {
  /** null: it is over. */
  done: ((code: string | null) => void) | null;
  /** Negative: it never began. */
  readonly number: number;
}

/** Results that are heard at a time, two numbers each. */
const AT_ONCE = 64;

/** Those that stood are closed at this interval, after the other side has closed. */
const SWEEP_MS = 100;

/** Throws an Error with `code`. */
export function openKnocks(addon: Pick<Addon, 'openKnocks'>): Knocks {
  const results = new Int32Array(2 * AT_ONCE);
  const underWay = new Map<number, Knock>();
  let sweeping: NodeJS.Timeout | undefined;
  let closed = false;
  const native = addon.openKnocks(hear);

  function hear(): void {
    let count = AT_ONCE;
    while (count === AT_ONCE && !closed) {
      count = native.heard(results);
      // All before the first is called: it may knock again, and be given a number that is free by now.
      const over = Array.from({ length: count }, (_, i) => {
        const [number = -1, error = 0] = results.subarray(2 * i);
        const knock = underWay.get(number);
        underWay.delete(number);
        return { knock, code: error === 0 ? null : getSystemErrorName(-error) };
      });
      sweepSoon();
      for (const { knock, code } of over) if (knock !== undefined) finish(knock, code);
    }
  }

  function finish(knock: Knock, code: string | null): void {
    const { done } = knock;
    knock.done = null;
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
    knock(ip, port, source, done) {
      const number = native.knock(ip, port, source ?? '');
      const knock: Knock = { done, number };
      if (number >= 0) underWay.set(number, knock);
      else queueMicrotask(() => finish(knock, getSystemErrorName(number)));
      return knock;
    },
    cancel(knock) {
      knock.done = null;
      if (closed || underWay.get(knock.number) !== knock) return;
      underWay.delete(knock.number);
      native.cancel(knock.number);
    },
    close() {
      if (closed) return;
      closed = true;
      clearTimeout(sweeping);
      for (const knock of underWay.values()) knock.done = null;
      underWay.clear();
      native.close();
    },
  };
}

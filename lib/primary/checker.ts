// When one backend is checked: on its own jittered schedule, seldom while it is steady, and once more at once when a worker
// could not reach it. Time is monotonic; a check that takes longer than the interval skips the missed ones.

import type { Socket } from 'node:net';
import { jitter } from '../backoff.ts';
import type { Cause } from './backend.ts';
import { probe, type Connect } from './probe.ts';
import type { Resolver } from './resolver.ts';

/** `wall` is Date.now(), `durationMs` how long it took, resolving included. */
export type CheckResult =
  /** The name has its first addresses, or others than before; comes before the result of the same check. */
  | { readonly kind: 'resolved'; readonly ips: readonly string[]; readonly wall: number }
  | { readonly kind: 'passed'; readonly ip: string; readonly durationMs: number; readonly wall: number }
  | {
      readonly kind: 'failed';
      readonly cause: Exclude<Cause, 'local'>;
      readonly durationMs: number;
      readonly wall: number;
    };

export interface Target {
  readonly host: string;
  readonly port: number;
  /** While it is not steady. */
  readonly intervalMs: number;
  readonly upIntervalMs: number;
  /** For the connect; resolving has its own limit. */
  readonly timeoutMs: number;
}

export interface CheckerOptions {
  readonly resolver: Resolver;
  readonly onResult: (result: CheckResult) => void;
  /** This machine ran short (descriptors, ports, memory): the check could not be made and says nothing about the backend. */
  readonly onShortage: () => void;
  /** Whether the backend is up and not in doubt, by all that is known. */
  readonly isSteady: () => boolean;
  readonly connect?: Connect;
  readonly now?: () => number;
  readonly random?: () => number;
}

export interface Checker {
  /** From the next check on; host and port stay. */
  retarget(target: Target): void;
  /** A client's connect has failed: look now. At most one such check every EXTRA_MS; the last wish is never dropped. */
  checkNow(): void;
  /** Nothing comes after it; sockets are closed without waiting. */
  stop(): void;
}

export const EXTRA_MS = 100;

/** Begins with a check at once. */
export function startChecker(
  first: Target,
  {
    resolver,
    onResult,
    onShortage,
    isSteady,
    connect,
    now = () => performance.now(),
    random = Math.random,
  }: CheckerOptions,
): Checker {
  const stopping = new AbortController();
  const sockets = { open: new Set<Socket>(), signal: stopping.signal };
  let target = first;
  let timer: NodeJS.Timeout | undefined;
  let ips: readonly string[] = [];
  let lastGood: string | null = null;
  let checking = false;
  let dueAt = now();
  let extraWanted = false;
  let lastExtraAt = -Infinity;

  async function check(): Promise<void> {
    const startedAt = now();
    if (extraWanted && startedAt < dueAt) lastExtraAt = startedAt;
    extraWanted = false;
    checking = true;
    const result = await look(startedAt);
    if (stopping.signal.aborted) return;
    checking = false;
    if (result === 'local') onShortage();
    else onResult(result);
    // Not before the result has had its effect.
    dueAt = nextStart(startedAt, jitter(interval(), random), now());
    plan();
  }

  function interval(): number {
    return isSteady() ? target.upIntervalMs : target.intervalMs;
  }

  async function look(startedAt: number): Promise<CheckResult | 'local'> {
    const resolution = await resolver.resolve(target.host);
    if (!resolution.ok) return failed('dns', startedAt);
    if (!isSame(ips, resolution.ips) && !stopping.signal.aborted) {
      ips = resolution.ips;
      onResult({ kind: 'resolved', ips, wall: Date.now() });
    }
    // Stopped while the name was resolved, or by who heard of it: no socket must be opened any more.
    if (stopping.signal.aborted) return 'local';
    const probed = await probe(lastGoodFirst(ips, lastGood), target.port, target.timeoutMs, sockets, connect);
    if (!probed.ok) return probed.cause === 'local' ? 'local' : failed(probed.cause, startedAt);
    lastGood = probed.ip;
    return { kind: 'passed', ip: probed.ip, durationMs: now() - startedAt, wall: Date.now() };
  }

  function failed(cause: Exclude<Cause, 'local'>, startedAt: number): CheckResult {
    return { kind: 'failed', cause, durationMs: now() - startedAt, wall: Date.now() };
  }

  /** Sets the one timer to what is due first. */
  function plan(): void {
    if (checking || stopping.signal.aborted) return;
    clearTimeout(timer);
    const extraAt = extraWanted ? lastExtraAt + EXTRA_MS : Infinity;
    timer = setTimeout(() => void check(), Math.max(0, Math.min(dueAt, extraAt) - now()));
  }

  plan();
  return {
    retarget(next) {
      target = next;
      // A check that is far off by the old interval must not outlast the new one.
      dueAt = Math.min(dueAt, now() + interval());
      plan();
    },
    checkNow() {
      if (extraWanted) return;
      extraWanted = true;
      plan();
    },
    stop() {
      stopping.abort();
      clearTimeout(timer);
      for (const socket of sockets.open) socket.destroy();
    },
  };
}

/** The next start that is not past, counted in steps of `period` from `startedAt`. */
export function nextStart(startedAt: number, period: number, now: number): number {
  return startedAt + period * Math.max(1, Math.ceil((now - startedAt) / period));
}

/** The address that answered last is tried first, so that a route stays while it works. */
function lastGoodFirst(ips: readonly string[], lastGood: string | null): readonly string[] {
  if (lastGood === null || !ips.includes(lastGood)) return ips;
  return [lastGood, ...ips.filter((ip) => ip !== lastGood)];
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((ip, i) => ip === b[i]);
}

// What one check finds: it resolves the name and connects to its addresses, unless a client's connect is recent enough to stand
// for it. Owns what is known of the addresses and of clients' connects. checker.ts says when.

import { isLiteral } from '../../../../config/unix.ts';
import { fitting } from '../../../engine/source.ts';
import type { Resolution, Resolver } from '../discovery/resolver.ts';
import type { CheckResult, Evidence, FailedCause, Standing } from './evidence.ts';
import { probe, type ProbeOptions, type Sockets, type Ways } from './probe.ts';

/** `local`: this machine ran short, which says nothing about the backend. */
export type Looked = CheckResult | 'local' | 'nothing';

export interface Target extends ProbeOptions {
  readonly host: string;
  /** Those that `source` takes turns among. */
  readonly sources: readonly string[];
  /** Identifies the check; a different one is made at once. */
  readonly check: string;
  /** False: the backend is never connected to. Clients' successes are still reported, and its name is followed. */
  readonly isChecked: boolean;
  /** While the backend is not up; no check is repeated sooner. */
  readonly intervalMs: number;
  readonly upIntervalMs: number;
  /** The name is resolved again after this time, or earlier if its records expire. */
  readonly dnsMaxAgeMs: number;
}

export interface LookParts {
  readonly resolver: Pick<Resolver, 'resolve'>;
  /** Told the name's addresses when they are new. */
  readonly onResult: (result: CheckResult) => void;
  readonly standing: () => Standing;
  readonly ways: () => Ways;
  readonly sockets: Sockets;
  readonly target: () => Target;
  readonly now: () => number;
}

export interface Look {
  /** A client's connect that is younger than `trustMs` replaces a connect of our own. No promise if the result is known at once. */
  look(startedAt: number, trustMs: number): Looked | Promise<Looked>;
  /** The name has these addresses. Returns true if there were others before. */
  take(ips: readonly string[]): boolean;
  /** A client's connect that began then has succeeded. */
  reached(began: number): void;
  /** Clients' connects before now say nothing about the target. */
  forgetReached(): void;
  readonly reachedAt: number;
  /** The only address, if the latest check passed there; else null. */
  readonly provenIp: string | null;
}

export function createLook({ resolver, onResult, standing, ways, sockets, target, now }: LookParts): Look {
  let ips: readonly string[] = [];
  let lastGood: string | null = null;
  let reachedAt = -Infinity;
  /** When the latest reported client connect began. */
  let reportedAt = -Infinity;

  function lookAt(resolution: Resolution, startedAt: number, trustMs: number): Looked | Promise<Looked> {
    if (resolution.ok) take(fitting(resolution.ips, target().sources));
    // Stopped while resolving, or by the receiver of the addresses: open no more sockets.
    if (sockets.signal.aborted) return 'nothing';
    const began = now();
    const { isChecked } = target();
    if (isChecked ? standing() === 'steady' && reachedAt + trustMs > began : reachedAt > reportedAt) {
      reportedAt = reachedAt;
      return passed('connect', null, reachedAt, startedAt);
    }
    // An unchecked backend keeps its addresses.
    if (!isChecked && (resolution.ok || ips.length > 0)) return 'nothing';
    if (!resolution.ok) return failed('dns', null, began, startedAt);
    const asked = ips;
    const { check } = target();
    return andThen(probe(lastGoodFirst(asked, lastGood), target(), sockets, ways()), (probed) => {
      // The name has changed meanwhile, or another check is wanted, which is made at once.
      if (ips !== asked || target().check !== check) return 'nothing';
      if (!probed.ok) return probed.cause === 'local' ? 'local' : failed(probed.cause, probed.fact, began, startedAt);
      lastGood = probed.ip;
      return passed('check', probed.ip, began, startedAt);
    });
  }

  function passed(source: Evidence['source'], ip: string | null, began: number, startedAt: number): CheckResult {
    const at = now();
    return { kind: 'passed', source, ip, began, at, count: 1, durationMs: at - startedAt, wall: Date.now() };
  }

  function failed(cause: FailedCause, fact: string | null, began: number, startedAt: number): CheckResult {
    return { kind: 'failed', cause, fact, began, durationMs: now() - startedAt, wall: Date.now() };
  }

  function take(next: readonly string[]): boolean {
    if (isSame(ips, next) || sockets.signal.aborted) return false;
    const isFirst = ips.length === 0;
    ips = next;
    // Clients reached another address.
    reachedAt = -Infinity;
    onResult({ kind: 'resolved', ips, wall: Date.now() });
    return !isFirst;
  }

  return {
    look(startedAt, trustMs) {
      const { host } = target();
      if (isLiteral(host)) return lookAt({ ok: true, ips: [host], ageMs: 0 }, startedAt, trustMs);
      return resolver.resolve(host).then((resolution) => lookAt(resolution, startedAt, trustMs));
    },
    take: (next) => take(fitting(next, target().sources)),
    reached(began) {
      reachedAt = Math.max(reachedAt, began);
    },
    forgetReached() {
      reachedAt = -Infinity;
    },
    get reachedAt() {
      return reachedAt;
    },
    get provenIp() {
      const [only = null] = ips;
      return ips.length === 1 && only === lastGood ? only : null;
    },
  };
}

/** Calls `call` at once if there is nothing to wait for: a check without promises costs less. */
export function andThen<T, U>(value: T | Promise<T>, call: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(call) : call(value);
}

/** Puts the address that answered last first, so that a route stays while it works. */
function lastGoodFirst(ips: readonly string[], lastGood: string | null): readonly string[] {
  if (lastGood === null || !ips.includes(lastGood)) return ips;
  return [lastGood, ...ips.filter((ip) => ip !== lastGood)];
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((ip, i) => ip === b[i]);
}

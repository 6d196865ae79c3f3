// When one backend is checked: on its own jittered schedule, seldom while it is steady, soon while it is up but in doubt, and at
// once when a worker could not reach it. While clients reach it, no check connects to it. Its name is followed independently, for
// as long as a record lives. Time is monotonic. A check that takes longer than the interval skips the missed ones.

import { isLiteral } from '../../../../config/unix.ts';
import { jitter } from '../../../backoff.ts';
import { fitting } from '../../../engine/source.ts';
import { createCoalescedTimers, type CoalescedTimer, type CoalescedTimers } from './coalesced-timers.ts';
import type { CheckResult, Evidence, FailedCause, Standing } from './evidence.ts';
import { followName } from './name-follower.ts';
import { probe, type ProbeOptions, type Sockets, type Ways } from './probe.ts';
import type { Resolution, Resolver } from '../discovery/resolver.ts';

type Looked = CheckResult | 'local' | 'nothing';

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

export interface CheckerOptions {
  readonly resolver: Resolver;
  readonly onResult: (result: CheckResult) => void;
  /** This machine ran short (descriptors, ports, memory): the check was impossible and says nothing about the backend. */
  readonly onShortage: () => void;
  /** By all that is known. */
  readonly standing: () => Standing;
  /** Whether the service waits for passed checks: then a steady backend is checked as often as one that is not. */
  readonly isGuarded: () => boolean;
  /** Called for each check. */
  readonly ways?: () => Ways;
  readonly timers?: CoalescedTimers;
  readonly now?: () => number;
  readonly random?: () => number;
}

export interface Checker {
  /** Takes effect with the next check; host and port stay. */
  retarget(target: Target): void;
  /** A client's connect has failed: check now. At most one such check every EXTRA_MS; the last request is never dropped. */
  checkNow(): void;
  /** A client's connect that began then has succeeded, which is as good as a check. */
  reached(began: number): void;
  /** Nothing comes after this; sockets are closed without waiting. */
  stop(): void;
}

export const EXTRA_MS = 100;

/**
 * How often a backend that is up but in doubt is checked, unless this part of the interval is longer. So three failures in a row
 * take it down within 3 s: 2.2 s until the first one, 0.33 s to each of the others. Servers that count connects as logins see no
 * more of them: a failed check is none, and the first passed check ends the doubt.
 */
const DOUBT_MS = 300;
const DOUBT_PART = 0.3;

/** Starts with a check at once. */
export function startChecker(
  first: Target,
  {
    resolver,
    onResult,
    onShortage,
    standing,
    isGuarded,
    ways = () => ({}),
    now = () => performance.now(),
    timers = createCoalescedTimers(now),
    random = Math.random,
  }: CheckerOptions,
): Checker {
  const stopping = new AbortController();
  const sockets: Sockets = { open: new Set(), signal: stopping.signal };
  let target = first;
  let timer: CoalescedTimer | undefined;
  let ips: readonly string[] = [];
  let lastGood: string | null = null;
  let checking = false;
  let dueAt = now();
  let extraWanted = false;
  let lastExtraAt = -Infinity;
  let reachedAt = -Infinity;
  /** When the latest reported client connect began. */
  let reportedAt = -Infinity;

  function check(): void {
    timer = undefined;
    const startedAt = now();
    // Clients' connects failed, so successes of others do not replace this check.
    const mayTrust = !extraWanted;
    if (extraWanted && startedAt < dueAt) lastExtraAt = startedAt;
    extraWanted = false;
    checking = true;
    const period = jitter(interval(), random);
    void andThen(look(startedAt, mayTrust ? period : 0), (result) => finish(result, startedAt, period));
  }

  function finish(result: Looked, startedAt: number, period: number): void {
    if (stopping.signal.aborted) return;
    checking = false;
    if (result === 'local') onShortage();
    else if (result !== 'nothing') onResult(result);
    const isTrust = typeof result === 'object' && result.kind === 'passed' && result.source === 'connect';
    // Computed after the result has taken effect.
    dueAt = isTrust ? reachedAt + period : nextStart(startedAt, jitter(interval(), random), now());
    plan();
  }

  function interval(): number {
    const { intervalMs, upIntervalMs, isChecked } = target;
    // Clients report what they find, so nothing waits for this check.
    if (!isChecked) return Math.max(intervalMs, upIntervalMs);
    switch (standing()) {
      case 'steady':
        return isGuarded() ? intervalMs : upIntervalMs;
      case 'in_doubt':
        return Math.min(intervalMs, upIntervalMs, Math.max(DOUBT_MS, DOUBT_PART * intervalMs));
      case 'not_up':
        return intervalMs;
    }
  }

  function look(startedAt: number, trustMs: number): Looked | Promise<Looked> {
    const { host } = target;
    if (isLiteral(host)) return lookAt({ ok: true, ips: [host], ageMs: 0 }, startedAt, trustMs);
    return resolver.resolve(host).then((resolution) => lookAt(resolution, startedAt, trustMs));
  }

  /** A client's connect that is younger than `trustMs` replaces a connect of our own. */
  function lookAt(resolution: Resolution, startedAt: number, trustMs: number): Looked | Promise<Looked> {
    if (resolution.ok) take(fitting(resolution.ips, target.sources));
    // Stopped while resolving, or by the receiver of the addresses: open no more sockets.
    if (stopping.signal.aborted) return 'nothing';
    const began = now();
    if (target.isChecked ? standing() === 'steady' && reachedAt + trustMs > began : reachedAt > reportedAt) {
      reportedAt = reachedAt;
      return passed('connect', null, reachedAt, startedAt);
    }
    // An unchecked backend keeps its addresses.
    if (!target.isChecked && (resolution.ok || ips.length > 0)) return 'nothing';
    if (!resolution.ok) return failed('dns', null, began, startedAt);
    const asked = ips;
    const { check } = target;
    return andThen(probe(lastGoodFirst(asked, lastGood), target, sockets, ways()), (probed) => {
      // The name has changed meanwhile, or another check is wanted, which is made at once.
      if (ips !== asked || target.check !== check) return 'nothing';
      if (!probed.ok) return probed.cause === 'local' ? 'local' : failed(probed.cause, probed.fact, began, startedAt);
      lastGood = probed.ip;
      return passed('check', probed.ip, began, startedAt);
    });
  }

  function passed(source: Evidence['source'], ip: string | null, began: number, startedAt: number): CheckResult {
    return { kind: 'passed', source, ip, began, durationMs: now() - startedAt, wall: Date.now() };
  }

  function failed(cause: FailedCause, fact: string | null, began: number, startedAt: number): CheckResult {
    return { kind: 'failed', cause, fact, began, durationMs: now() - startedAt, wall: Date.now() };
  }

  /** Reports new addresses. Returns true if there were others before. */
  function take(next: readonly string[]): boolean {
    if (isSame(ips, next) || stopping.signal.aborted) return false;
    const isFirst = ips.length === 0;
    ips = next;
    // Clients reached another address.
    reachedAt = -Infinity;
    onResult({ kind: 'resolved', ips, wall: Date.now() });
    return !isFirst;
  }

  function checkNow(): void {
    if (extraWanted || !target.isChecked) return;
    extraWanted = true;
    plan();
  }

  /** Sets the only timer to whatever is due first. */
  function plan(): void {
    if (checking || stopping.signal.aborted) return;
    timer?.cancel();
    const extraAt = extraWanted ? lastExtraAt + EXTRA_MS : Infinity;
    timer = timers.at(Math.min(dueAt, extraAt), check);
  }

  plan();
  const name = followName(target.host, {
    resolver,
    maxAgeMs: () => target.dnsMaxAgeMs,
    // However far off the next check is.
    found(addresses) {
      if (take(fitting(addresses, target.sources))) checkNow();
    },
  });
  return {
    retarget(next) {
      const isOther = next.isChecked && next.check !== target.check;
      target = next;
      // A check that is far off by the old interval must not outlast the new one.
      dueAt = isOther ? now() : Math.min(dueAt, now() + interval());
      if (isOther) [extraWanted, reachedAt] = [true, -Infinity];
      plan();
    },
    checkNow() {
      checkNow();
      name.again();
    },
    reached(began) {
      reachedAt = Math.max(reachedAt, began);
    },
    stop() {
      stopping.abort();
      timer?.cancel();
      name.stop();
      for (const socket of sockets.open) socket.destroy();
    },
  };
}

/** Calls `call` at once if there is nothing to wait for: a check without promises costs less. */
function andThen<T, U>(value: T | Promise<T>, call: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(call) : call(value);
}

/** The next start that is not in the past, in steps of `period` from `startedAt`. */
export function nextStart(startedAt: number, period: number, now: number): number {
  return startedAt + period * Math.max(1, Math.ceil((now - startedAt) / period));
}

/** Puts the address that answered last first, so that a route stays while it works. */
function lastGoodFirst(ips: readonly string[], lastGood: string | null): readonly string[] {
  if (lastGood === null || !ips.includes(lastGood)) return ips;
  return [lastGood, ...ips.filter((ip) => ip !== lastGood)];
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((ip, i) => ip === b[i]);
}

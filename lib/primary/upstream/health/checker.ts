// When one backend is checked: on its own jittered schedule, seldom while it is steady, soon while it is up and in doubt, and once
// more at once when a worker could not reach it. While clients reach it nobody else connects to it. Its name is followed beside
// all of that, for as long as a record lives. Time is monotonic; a check that takes longer than the interval skips the missed ones.

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
  /** Says which check this is: one that is another now is made at once. */
  readonly check: string;
  /** False: it is never connected to. What clients reach is told all the same, and its name is followed. */
  readonly isChecked: boolean;
  /** While it is not up; no check is repeated sooner. */
  readonly intervalMs: number;
  readonly upIntervalMs: number;
  /** Where it leads is asked for anew after this time, if its records do not live shorter. */
  readonly dnsMaxAgeMs: number;
}

export interface CheckerOptions {
  readonly resolver: Resolver;
  readonly onResult: (result: CheckResult) => void;
  /** This machine ran short (descriptors, ports, memory): the check could not be made and says nothing about the backend. */
  readonly onShortage: () => void;
  /** By all that is known. */
  readonly standing: () => Standing;
  /** Whether its service waits for passed checks: then a steady one is checked as often as one that is not. */
  readonly isGuarded: () => boolean;
  /** Asked for each check. */
  readonly ways?: () => Ways;
  readonly timers?: CoalescedTimers;
  readonly now?: () => number;
  readonly random?: () => number;
}

export interface Checker {
  /** From the next check on; host and port stay. */
  retarget(target: Target): void;
  /** A client's connect has failed: look now. At most one such check every EXTRA_MS; the last wish is never dropped. */
  checkNow(): void;
  /** A client's connect that began then has succeeded: as good as a check. */
  reached(began: number): void;
  /** Nothing comes after it; sockets are closed without waiting. */
  stop(): void;
}

export const EXTRA_MS = 100;

/**
 * A backend that is up and in doubt is checked this often, or after this part of the interval where that is longer, so that three
 * failures in a row take it down within 3 s: 2.2 s until the first of them, 0.33 s to each of the others. Servers that count connects
 * as logins see no more of them: a failed check is none, and the first one that passes ends the doubt.
 */
const DOUBT_MS = 300;
const DOUBT_PART = 0.3;

/** Begins with a check at once. */
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
  /** Of the latest client's connect that was told. */
  let reportedAt = -Infinity;

  function check(): void {
    timer = undefined;
    const startedAt = now();
    // Clients' connects failed: that others succeeded is no answer.
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
    // Not before the result has had its effect.
    dueAt = isTrust ? reachedAt + period : nextStart(startedAt, jitter(interval(), random), now());
    plan();
  }

  function interval(): number {
    const { intervalMs, upIntervalMs, isChecked } = target;
    // What clients find out is heard from them; nothing waits for this.
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

  /** A client's connect that is not older than `trustMs` makes a connect of our own needless. */
  function lookAt(resolution: Resolution, startedAt: number, trustMs: number): Looked | Promise<Looked> {
    if (resolution.ok) take(fitting(resolution.ips, target.source));
    // Stopped while the name was resolved, or by who heard of it: no socket must be opened any more.
    if (stopping.signal.aborted) return 'nothing';
    const began = now();
    if (target.isChecked ? standing() === 'steady' && reachedAt + trustMs > began : reachedAt > reportedAt) {
      reportedAt = reachedAt;
      return passed('connect', null, reachedAt, startedAt);
    }
    // One that is not checked goes on with the addresses that it has.
    if (!target.isChecked && (resolution.ok || ips.length > 0)) return 'nothing';
    if (!resolution.ok) return failed('dns', null, began, startedAt);
    const asked = ips;
    const { check } = target;
    return andThen(probe(lastGoodFirst(asked, lastGood), target, sockets, ways()), (probed) => {
      // The name has moved meanwhile, or another check is wanted, and that is made at once.
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

  /** Tells of addresses that are new; true when there were others before. */
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

  /** The one timer is what is due first. */
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
      if (take(fitting(addresses, target.source))) checkNow();
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

/** Calls at once if there is nothing to wait for: a check without promises costs less. */
function andThen<T, U>(value: T | Promise<T>, call: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(call) : call(value);
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

// When one backend is checked: on its own jittered schedule, seldom while it is steady, soon while it is up but in doubt, and at
// once when a worker could not reach it. While clients reach it, no check connects to it. While it is steady and a connect is all
// that is asked, the engine's addon repeats the check. Its name is followed independently, for as long as a record lives. Time is
// monotonic. A check that takes longer than the interval skips the missed ones.

import { isPath } from '../../../../config/unix.ts';
import { jitter } from '../../../backoff.ts';
import type { RunningRound } from '../../../engine/tcp-rounds.ts';
import { createCoalescedTimers, type CoalescedTimer, type CoalescedTimers } from './coalesced-timers.ts';
import type { CheckResult, Standing } from './evidence.ts';
import { andThen, createLook, type Looked, type Target } from './look.ts';
import { followName } from './name-follower.ts';
import { isBare, type Sockets, type Ways } from './probe.ts';
import { leaveTo } from './round.ts';
import type { Resolver } from '../discovery/resolver.ts';

export type { Target } from './look.ts';

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
  /** Whether the service waits for passed checks has changed. */
  replan(): void;
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
  let checking = false;
  let dueAt = now();
  let extraWanted = false;
  let lastExtraAt = -Infinity;
  /** The round in which the addon repeats the check; null: it does not. */
  let round: RunningRound | null = null;
  /** A round that ends with the check under way. */
  let lastRound: RunningRound | null = null;
  /** The name does not resolve, which is for a check to tell. */
  let isNameLost = false;
  const looking = createLook({ resolver, onResult, standing, ways, sockets, now, target: () => target });

  function check(): void {
    timer = undefined;
    const startedAt = now();
    // Clients' connects failed, so successes of others do not replace this check.
    const mayTrust = !extraWanted;
    if (extraWanted && startedAt < dueAt) lastExtraAt = startedAt;
    extraWanted = false;
    checking = true;
    const period = jitter(interval(), random);
    void andThen(looking.look(startedAt, mayTrust ? period : 0), (result) => finish(result, startedAt, period));
  }

  function finish(result: Looked, startedAt: number, period: number): void {
    if (stopping.signal.aborted) return;
    checking = false;
    lastRound = null;
    if (result === 'local') onShortage();
    else if (result !== 'nothing') onResult(result);
    const isTrust = typeof result === 'object' && result.kind === 'passed' && result.source === 'connect';
    // Computed after the result has taken effect.
    dueAt = isTrust ? looking.reachedAt + period : nextStart(startedAt, jitter(interval(), random), now());
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

  /** Leaves a steady backend to the addon, until a check does not pass or something else is to be done. */
  function beginRound(): boolean {
    const ip = looking.provenIp;
    const { tcpRounds } = ways();
    if (tcpRounds === undefined || ip === null || isPath(ip) || !mayRepeat()) return false;
    const { port, timeoutMs, check: wanted } = target;
    const order = { ip, port, timeoutMs, inMs: Math.max(0, dueAt - now()), periodMs: interval() };
    round = leaveTo(tcpRounds, order, now, {
      passed(result) {
        dueAt = result.began + interval();
        onResult(result);
        if (round !== null && !mayRepeat()) plan();
      },
      ended(result, began) {
        round = null;
        // The name has changed meanwhile, or another check is wanted, which is made at once.
        finish(looking.provenIp === ip && target.check === wanted ? result : 'nothing', began, interval());
      },
    });
    round?.reached(looking.reachedAt);
    return round !== null;
  }

  /** A service that waits for each passed check is not the addon's concern. */
  function mayRepeat(): boolean {
    return (
      isBare(target) &&
      target.isChecked &&
      target.sources.length === 0 &&
      !extraWanted &&
      !isNameLost &&
      standing() === 'steady' &&
      !isGuarded()
    );
  }

  function checkNow(): void {
    if (extraWanted || !target.isChecked) return;
    extraWanted = true;
    plan();
  }

  /** Sets the only timer to whatever is due first. */
  function plan(): void {
    const ending = round;
    round = null;
    // Reports what it has found, and may come here again for that.
    if (ending?.end(true) === true) {
      checking = true;
      lastRound = ending;
    }
    timer?.cancel();
    if (round !== null) return;
    if (checking || stopping.signal.aborted || beginRound()) return;
    const extraAt = extraWanted ? lastExtraAt + EXTRA_MS : Infinity;
    timer = timers.at(Math.min(dueAt, extraAt), check);
  }

  plan();
  const name = followName(target.host, {
    resolver,
    maxAgeMs: () => target.dnsMaxAgeMs,
    // However far off the next check is.
    found(addresses) {
      isNameLost = false;
      if (looking.take(addresses)) checkNow();
    },
    lost() {
      isNameLost = true;
      if (round !== null) plan();
    },
  });
  return {
    retarget(next) {
      const isOther = next.isChecked && next.check !== target.check;
      target = next;
      // A check that is far off by the old interval must not outlast the new one.
      dueAt = isOther ? now() : Math.min(dueAt, now() + interval());
      if (isOther) {
        extraWanted = true;
        looking.forgetReached();
      }
      plan();
    },
    replan() {
      dueAt = Math.min(dueAt, now() + interval());
      plan();
    },
    checkNow() {
      checkNow();
      name.again();
    },
    reached(began) {
      looking.reached(began);
      round?.reached(looking.reachedAt);
    },
    stop() {
      stopping.abort();
      timer?.cancel();
      round?.end();
      lastRound?.end();
      name.stop();
      for (const socket of sockets.open) socket.destroy();
    },
  };
}

/** The next start that is not in the past, in steps of `period` from `startedAt`. */
export function nextStart(startedAt: number, period: number, now: number): number {
  return startedAt + period * Math.max(1, Math.ceil((now - startedAt) / period));
}

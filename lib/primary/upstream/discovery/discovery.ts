// Follows the names of backends with `discover: all` or `srv`: asks again when a record expires, and at once when one of their
// backends refuses. Owns the last good answers and the timers. On a change, the caller calls expand().

import { thisMachine } from '../../../../config/machine.ts';
import type { Discover, Plan, ServicePlan } from '../../../../config/plan.ts';
import type { DiscoveryStatus } from '../../../control/discovery.ts';
import type { Log } from '../../log/log.ts';
import type { Answer, Asked } from './answer.ts';
import { answerOf } from './answer.ts';
import { serverDns, systemDns } from './dns.ts';
import type { Found, LeftOut } from './expand.ts';
import { expand, isSameAnswer, textOf, textOfLeftOut } from './expand.ts';
import type { KnownName } from './known-names.ts';
import { decodeNames, encodeNames } from './known-names.ts';
import { codeOf } from './query/queries.ts';
import type { Resolver } from './resolver.ts';

export interface Discovery {
  /** Follows the names of these plans and no others, with the name servers of the first plan. */
  follow(...plans: readonly [Plan, ...Plan[]]): void;
  /** Resolves when each name has been asked for, at the latest after FIRST_MS. */
  asked(): Promise<void>;
  /** The plan with its names replaced by addresses; `reserved` is the number of backends outside it. */
  expand(plan: Plan, reserved: number): Plan;
  /** A backend of this name refuses clients: the name may resolve to something else by now. */
  askAgain(name: string): void;
  statusOf(service: ServicePlan): DiscoveryStatus[];
  /** The last good answers, for the successor at an upgrade. */
  known(): readonly KnownName[];
  /** Takes over another process's answers for names that the next follow() adds; validates them. */
  inherit(known: unknown): void;
  close(): void;
}

export interface DiscoveryParts {
  readonly log: Log;
  readonly resolver: Asked & Pick<Resolver, 'use'>;
  /** A name resolves to something else. */
  readonly changed: () => void;
  readonly now?: () => number;
}

/** How long a start and a reload wait for names that were never asked for. */
export const FIRST_MS = 2000;
/** The minimum time between two queries for a name. */
const LEAST_MS = 1000;
/** A timer may fire a fraction of a millisecond early, before the record has expired. */
const LATE_MS = 2;
const SHOWN = 10;

interface Followed {
  readonly discover: Discover;
  readonly name: string;
  maxAgeMs: number;
  /** The last good answer; null if there is none yet. */
  found: readonly Found[] | null;
  answeredAt: number | null;
  /** Why there is no newer answer. */
  failure: string | null;
  askedAt: number;
  /** Without the wait for the records' lifetime. */
  asking: boolean;
  /** Grows with each plan to ask again, which replaces the one before. */
  round: number;
  /** Resolves after the first query, whatever its result. */
  readonly first: Promise<void>;
  readonly firstOver: () => void;
  timer: NodeJS.Timeout | undefined;
}

export function createDiscovery({ log, resolver, changed, now = () => performance.now() }: DiscoveryParts): Discovery {
  const followed = new Map<string, Followed>();
  let servers = '';
  /** How often the name servers have changed. */
  let changes = 0;
  let leftOut: readonly LeftOut[] = [];
  let inherited: ReadonlyMap<string, KnownName> = new Map();
  let closed = false;

  async function look(it: Followed, maxAgeMs: number): Promise<void> {
    if (it.asking || closed) return;
    clearTimeout(it.timer);
    it.asking = true;
    it.askedAt = now();
    const round = ++it.round;
    const before = changes;
    let next: number | Promise<number> = LEAST_MS;
    try {
      const answer = await answerOf(it.discover, it.name, resolver, {
        maxAgeMs,
        longestMs: it.maxAgeMs,
        before: it.found,
      });
      next = answer.leftMs;
      if (isFollowed(it) && before === changes) take(it, answer);
    } catch (error) {
      const code = codeOf(error);
      if (isFollowed(it) && before === changes && code !== 'ECANCELLED') miss(it, code);
    }
    it.asking = false;
    // Part of the answer may come from the old name servers.
    if (isFollowed(it) && before !== changes) return look(it, 0);
    it.firstOver();
    const ms = typeof next === 'number' ? next : await next;
    if (!isFollowed(it) || it.round !== round) return;
    it.timer = setTimeout(() => void look(it, it.maxAgeMs), Math.max(LEAST_MS, Math.min(ms, it.maxAgeMs)) + LATE_MS);
  }

  function isFollowed(it: Followed): boolean {
    return !closed && followed.get(keyOf(it.discover, it.name)) === it;
  }

  function take(it: Followed, { found, ageMs }: Answer): void {
    const { name, discover, failure } = it;
    it.answeredAt = now() - ageMs;
    it.failure = null;
    if (failure !== null) log.info('discovery.recovered', `${name} can be looked up again`, { name, discover });
    const isSame = isSameAnswer(it.found, found);
    const [were, are] = isSame ? [[], []] : [(it.found ?? []).map(textOf), found.map(textOf)];
    it.found = found;
    if (isSame) return;
    log.info('discovery.changed', `${name} leads to ${found.length} ${found.length === 1 ? 'backend' : 'backends'}`, {
      name,
      discover,
      new: are.filter((text) => !were.includes(text)).slice(0, SHOWN),
      gone: were.filter((text) => !are.includes(text)).slice(0, SHOWN),
    });
    changed();
  }

  /** Keeps the last good answer. */
  function miss(it: Followed, code: string): void {
    const { name, discover, failure, found } = it;
    it.failure = code;
    if (failure !== null) return;
    const rest = found === null ? 'it has no backend' : 'what it led to is used on';
    log.warn('discovery.failed', `${name} cannot be looked up: ${rest}`, { name, discover, code });
  }

  function add(discover: Discover, name: string, maxAgeMs: number): Followed {
    let firstOver = (): void => undefined;
    const first = new Promise<void>((resolve) => {
      firstOver = resolve;
    });
    const { found = null, answeredAt = null } = inherited.get(keyOf(discover, name)) ?? {};
    const state = { found, answeredAt, failure: null, askedAt: -Infinity, asking: false, round: 0, timer: undefined };
    const it = { ...state, discover, name, maxAgeMs, first, firstOver };
    followed.set(keyOf(discover, name), it);
    void look(it, maxAgeMs);
    return it;
  }

  function drop(it: Followed): void {
    clearTimeout(it.timer);
    it.firstOver();
    followed.delete(keyOf(it.discover, it.name));
  }

  return {
    follow(...plans) {
      if (closed) return;
      const { dnsServers } = plans[0];
      const others = dnsServers.join();
      if (others !== servers) resolver.use(others === '' ? systemDns() : serverDns(dnsServers));
      const isElsewhere = others !== servers;
      if (isElsewhere) changes++;
      servers = others;
      const wanted = new Map<string, Pick<Followed, 'discover' | 'name' | 'maxAgeMs'>>();
      for (const { backends, runtime } of plans.flatMap(({ services }) => services)) {
        for (const { discover, host: name } of backends) {
          if (discover === 'address') continue;
          const maxAgeMs = Math.min(runtime.dnsMaxAgeMs, wanted.get(keyOf(discover, name))?.maxAgeMs ?? Infinity);
          wanted.set(keyOf(discover, name), { discover, name, maxAgeMs });
        }
      }
      for (const [key, it] of followed) if (!wanted.has(key)) drop(it);
      for (const [key, { discover, name, maxAgeMs }] of wanted) {
        const known = followed.get(key);
        if (known === undefined) add(discover, name, maxAgeMs);
        else if (isElsewhere || maxAgeMs < known.maxAgeMs) void look(known, isElsewhere ? 0 : maxAgeMs);
        if (known !== undefined) known.maxAgeMs = maxAgeMs;
      }
      inherited = new Map();
    },
    async asked() {
      let timer: NodeJS.Timeout | undefined;
      const tooLate = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, FIRST_MS);
      });
      await Promise.race([tooLate, Promise.all([...followed.values()].map(({ first }) => first))]);
      clearTimeout(timer);
    },
    expand(plan, reserved) {
      const find = (discover: Discover, name: string) => followed.get(keyOf(discover, name))?.found ?? null;
      const expanded = expand(plan, find, reserved, thisMachine());
      const differs = JSON.stringify(leftOut) !== JSON.stringify(expanded.leftOut);
      leftOut = expanded.leftOut;
      if (differs) for (const it of leftOut) log.warn('discovery.left_out', textOfLeftOut(it), { ...it });
      return expanded.plan;
    },
    askAgain(name) {
      for (const it of followed.values()) {
        if (it.name !== name || it.asking) continue;
        clearTimeout(it.timer);
        it.round++;
        it.timer = setTimeout(() => void look(it, LEAST_MS), Math.max(0, it.askedAt + LEAST_MS + LATE_MS - now()));
      }
    },
    statusOf: ({ name: service, backends }) =>
      [...new Set(backends.map(({ discover, host }) => keyOf(discover, host)))].flatMap((key) => {
        const it = followed.get(key);
        if (it === undefined) return [];
        const { discover, name, answeredAt, failure, found } = it;
        const times = backends.filter((backend) => backend.discover === discover && backend.host === name).length;
        const lost = leftOut.filter((other) => other.service === service && other.name === name);
        return [
          {
            name,
            discover,
            endpoints: times * (found?.length ?? 0),
            left_out: lost.reduce((sum, { count }) => sum + count, 0),
            left_out_why: lost[0]?.why ?? null,
            age_ms: answeredAt === null ? null : Math.max(0, Math.round(now() - answeredAt)),
            failure,
          },
        ];
      }),
    known: () =>
      encodeNames(
        [...followed].flatMap(([key, { found, answeredAt }]) =>
          found === null || answeredAt === null ? [] : [{ key, found, answeredAt }],
        ),
      ),
    inherit(known) {
      inherited = decodeNames(known);
    },
    close() {
      closed = true;
      for (const it of followed.values()) drop(it);
    },
  };
}

function keyOf(discover: Discover, name: string): string {
  return `${discover} ${name}`;
}

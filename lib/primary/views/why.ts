// The answer to `bal why`: the verdict on every service and backend, its evidence, and what will end it.

import type { RecentStatus, Diagnosis } from '../../control/protocol.ts';
import type { LiveChange } from '../../control/backends.ts';
import type { BackendWhy, ServiceWhy, Why } from '../../control/why.ts';
import type { Runtime, ServicePlan } from '../../../config/plan.ts';
import { causeText } from '../../control/recent.ts';
import type { Backend, Cause, Evidence } from '../upstream/backend.ts';
import { cooldownLeft, stateOf } from '../upstream/backend.ts';
import { failsEarly } from '../upstream/early.ts';
import { liveChanges } from '../live/live-changes.ts';
import { phaseOf, type Observed } from './observed.ts';
import { drainingStatus } from '../reload/old-workers.ts';
import type { Service } from '../upstream/services.ts';
import type { Pool } from '../upstream/pool.ts';
import { slowStartOf } from '../upstream/slow-start.ts';
import { backendSum, serviceSum } from '../stats/totals.ts';
import { endsOf, listenersStatus } from './listeners.ts';
import { adviceFor } from './advice.ts';
import {
  asChanged,
  GETS_NOBODY,
  judgedByShare,
  judgedFull,
  nobodyToServe,
  readyCommand,
  type ReadyCommand,
} from './shares.ts';
import { discoveryOf, namesTrouble } from './names.ts';
import { backendTrouble, clientsTrouble, serviceProblem } from './trouble.ts';
import type { Short } from './trouble.ts';

export function whyOf(instance: Observed): Why {
  const { plan, basePlan, overrides, services, statistics } = instance;
  const changes = liveChanges(basePlan, overrides);
  const shortages = statistics.short();
  const poolsBeside = (name: string): Pool[] =>
    plan.services.flatMap((other) => (other.name === name ? [] : (services.get(other.name)?.pool ?? [])));
  return {
    state: phaseOf(instance),
    shortages,
    draining: drainingStatus(instance),
    listeners: listenersStatus(instance),
    services: plan.services.flatMap(({ name }) => {
      const service = services.get(name);
      if (service === undefined) return [];
      return [
        serviceWhy(service, {
          protection: services.protection(name),
          waiting: serviceSum(statistics.totals, name).clients.waiting,
          ends: endsOf(serviceSum(statistics.totals, name).clients),
          recent: (address) => statistics.recent(name, address),
          connections: (address) => backendSum(statistics.totals, name, address).active,
          changes: changes.filter(({ service: its }) => its === name),
          ready: readyCommand(name, poolsBeside(name)),
          shortages,
          names: namesTrouble(discoveryOf(instance, name)),
        }),
      ];
    }),
  };
}

interface Facts extends Pick<ServiceWhy, 'protection' | 'waiting' | 'ends'> {
  /** The recent outcomes of a backend, or of all the service's clients if null. */
  readonly recent: (address: string | null) => RecentStatus;
  /** The open connections of a backend. */
  readonly connections: (address: string) => number;
  readonly shortages: Short;
  /** The problem with the names of its backends, or null. */
  readonly names: Diagnosis | null;
  /** An operator's changes of its backends. */
  readonly changes: readonly LiveChange[];
  readonly ready: ReadyCommand;
}

function serviceWhy(
  { plan, pool }: Service,
  { protection, waiting, ends, recent: recentOf, connections, shortages, names, changes, ready }: Facts,
): ServiceWhy {
  const now = performance.now();
  const recent = recentOf(null);
  const judgedByHealth = pool.backends.map((backend) => {
    const own = recentOf(backend.address);
    const judged = { ...backendWhy(backend, own, plan, now), slow_start: slowStartOf(backend, pool.settings, now) };
    // A problem that health reports comes first.
    const isUnseen = own.failing && judged.verdict === 'in_use';
    const seen = isUnseen ? { ...judged, problem: backendTrouble(backend.address, own, shortages) } : judged;
    return judgedFull(seen, backend.maxConnections, connections(backend.address));
  });
  const backends = judgedByShare(judgedByHealth, pool).map((backend) => asChanged(backend, changes, ready));
  const live = backends.filter(({ verdict }) => !GETS_NOBODY.has(verdict));
  const out = live.filter(({ verdict }) => verdict === 'out');
  const verdict =
    live.length > 0 && out.length === live.length
      ? 'failing_open'
      : out.length > 0 || recent.failing || live.length === 0
        ? 'degraded'
        : 'serving';
  const nobody = nobodyToServe(plan.name, backends, live.length, names, ready);
  const resetting = backends.filter(
    (backend) => backend.recent.failing && (backend.recent.by_reason['backend_reset'] ?? 0) > 0,
  );
  return {
    name: plan.name,
    health_check: plan.healthCheck.type,
    verdict,
    problem:
      // What clients met counts only where somebody could serve them.
      nobody === null && recent.failing && verdict !== 'failing_open'
        ? clientsTrouble(
            plan.name,
            recent,
            resetting.map(({ address }) => address),
            shortages,
          )
        : (nobody ?? serviceProblem(verdict, out, live.length) ?? names),
    protection,
    waiting,
    ends,
    recent,
    backends,
  };
}

function backendWhy(
  backend: Backend,
  recent: RecentStatus,
  { runtime, healthCheck }: ServicePlan,
  now: number,
): Omit<BackendWhy, 'slow_start'> {
  const evidence = backend.evidence.map(({ source, cause, fact, count, firstWall, lastWall }) => ({
    source,
    cause,
    fact,
    count,
    first: new Date(firstWall).toISOString(),
    last: new Date(lastWall).toISOString(),
  }));
  const common = { address: backend.address, state: stateOf(backend), recent, evidence, live_changes: [] };
  const left = cooldownLeft(backend, now);
  if (backend.draining) {
    return {
      ...common,
      verdict: 'draining',
      problem: null,
      ends_when: 'its last connection ends: it left the configuration',
    };
  }
  const isChecked = healthCheck.type !== 'none';
  if (backend.health === 'down' || backend.ip === null) {
    const ends_when = isChecked ? recovery(backend, runtime) : trial(backend, left);
    return { ...common, verdict: 'out', problem: backendProblem(backend), ends_when };
  }
  if (failsEarly(backend, now)) {
    const ends_when = `${Math.ceil(left)} ms are over`;
    return { ...common, verdict: 'cooling_down', problem: earlyProblem(backend, runtime), ends_when };
  }
  if (left > 0 && !isChecked) {
    const ends_when = `a client is connected, or ${Math.ceil(left)} ms are over`;
    return { ...common, verdict: 'cooling_down', problem: backendProblem(backend), ends_when };
  }
  if (left > 0) {
    const ends_when = `a health check passes (every ${runtime.healthIntervalMs} ms), or ${Math.ceil(left)} ms are over`;
    return { ...common, verdict: 'cooling_down', problem: backendProblem(backend), ends_when };
  }
  return { ...common, verdict: 'in_use', problem: null, ends_when: null };
}

function recovery({ passes }: Backend, { rise, healthIntervalMs }: Runtime): string {
  const needed = Math.max(1, rise - passes);
  return `${needed} health ${needed === 1 ? 'check passes' : 'checks in a row pass'} (at least one every ${healthIntervalMs} ms)`;
}

/** Without checks, only clients can find out that the backend is back. */
function trial({ ip }: Backend, left: number): string {
  if (ip === null) return 'its name resolves';
  return `a client is connected; the next is tried ${left > 0 ? `in ${Math.ceil(left)} ms` : 'now'}`;
}

function backendProblem({ address, evidence }: Backend): Diagnosis {
  const last = evidence.findLast(({ cause }) => cause !== null);
  const cause: Cause = last?.cause ?? 'other';
  return { what_happened: whatHappened(address, cause, last), ...adviceFor(cause, address) };
}

function earlyProblem({ address, early }: Backend, { earlyFailures }: Runtime): Diagnosis {
  return {
    what_happened: `${address} accepts clients and closes without sending a byte: ${earlyFailures} or more in a row, since ${new Date(early.since).toISOString()}`,
    why_likely: 'the server is there as far as a connect can tell, and fails or lacks what it needs; the others answer',
    do_this_now: "read the server's own log",
  };
}

function whatHappened(address: string, cause: Cause, last: Evidence | undefined): string {
  if (last === undefined) return `${address} has not been reached yet`;
  const [one, many] =
    last.source === 'check' ? ['health check', 'health checks'] : ["client's connect", "clients' connects"];
  const times = last.count === 1 ? `the last ${one}` : `the last ${last.count} ${many}`;
  return `${address}: ${times} failed: ${last.fact ?? causeText(cause)}`;
}

// Turns a change request into the overrides that follow from it, or into a refusal. Pure.

import { canonicalHost, judgePeer, splitAddress } from '../../../config/host.ts';
import { judgeUnix, pathIn } from '../../../config/unix.ts';
import { loopBy } from '../../../config/loops.ts';
import type { Machine } from '../../../config/machine.ts';
import type { BackendPlan, Plan } from '../../../config/plan.ts';
import { addressOf, plainBackend } from '../../../config/plan.ts';
import { MAX_WEIGHT } from '../../../config/backend-schema.ts';
import { MAX_BACKENDS } from '../../../config/schema.ts';
import type { BackendRequest } from '../../control/backends.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import { unreachable } from '../../unreachable.ts';
import type { EndpointName } from '../registry.ts';
import { backendIn } from './live-changes.ts';
import type { Override, Overrides } from './overrides.ts';
import { effectivePlan, limited, overrideOf, withOverride } from './overrides.ts';
import {
  alreadyThere,
  ambiguous,
  badAddress,
  badWeight,
  cannotSaveDiscovered,
  hasLeft,
  leadsBack,
  tooMany,
  unknownBackend,
  unknownService,
  whichService,
} from './refusals.ts';

export interface Situation {
  readonly file: Plan;
  readonly overrides: Overrides;
  /** Backends that are no longer in the plan but still have connections. */
  readonly leaving: readonly EndpointName[];
  /** Whether clients can be expected to reach the backend. */
  isReachable(service: string, address: string): boolean;
  readonly machine: Machine;
  /** Wall clock. */
  readonly now: number;
}

export interface Accepted {
  readonly ok: true;
  readonly service: string;
  readonly address: string;
  readonly overrides: Overrides;
  /** Those that there is no room for any more. */
  readonly forgotten: Overrides;
  readonly changed: boolean;
  /** What the operator should know although the change is made. */
  readonly warnings: readonly string[];
}

export type Decision = Accepted | { readonly ok: false; readonly problem: Diagnosis };

export function decide(asked: BackendRequest, situation: Situation): Decision {
  const decision = decided(asked, situation);
  if (!decision.ok || !asked.save) return decision;
  const { service, address } = decision;
  const found = backendIn(situation.file, decision);
  const isAdded = [...situation.overrides, ...decision.overrides].some(
    (it) => it.service === service && it.address === address && it.presence?.kind === 'added',
  );
  if (found === null ? isAdded : found.discoveredFrom === null) return decision;
  return refused(cannotSaveDiscovered(address, found?.discoveredFrom ?? null));
}

function decided(asked: BackendRequest, situation: Situation): Decision {
  const path = pathIn(asked.address);
  const request = path === null ? asked : { ...asked, address: addressOf(path, 0) };
  const { file, overrides } = situation;
  const serving = effectivePlan(file, overrides);
  if (request.weight !== null && !(request.weight >= 0 && request.weight <= MAX_WEIGHT)) {
    return refused(badWeight(request.weight));
  }
  const names = serving.services.map(({ name }) => name);
  if (request.service !== null && !names.includes(request.service)) {
    return refused(unknownService(request.service, names));
  }
  if (request.action === 'add') return addition(request, serving, situation);
  const target = targetOf(request, serving, situation);
  if ('problem' in target) return refused(target.problem);
  const before = overrideOf(overrides, target.service, target.address);
  const after = changed(before, request, situation);
  const decision = outcome(before, after, serving, situation);
  const isIdle = request.action === 'ready' && plannedWeight(after, effectivePlan(file, decision.overrides)) === 0;
  const idle = `its weight is 0: 'bal backend weight ${target.address} N' gives it one`;
  return isIdle ? { ...decision, warnings: [...decision.warnings, idle] } : decision;
}

/** Finds the backend that the request names. */
function targetOf(
  { action, address, service }: BackendRequest,
  { services }: Plan,
  { leaving, overrides }: Situation,
): EndpointName | { readonly problem: Diagnosis } {
  const serving = services.flatMap(({ name, backends }) =>
    backends.map((backend) => ({ service: name, address: backend.address })),
  );
  const isWanted = (it: EndpointName): boolean => service === null || it.service === service;
  const isMeant = (it: EndpointName): boolean => isWanted(it) && it.address === address;
  const left = leaving.filter(isMeant);
  // A discovered backend that is absent now may come back, and its override applies again.
  const changed = overrides.filter(
    (it) =>
      isMeant(it) && it.presence === null && services.some(({ name, discovers }) => name === it.service && discovers),
  );
  const there = serving.filter(isMeant);
  // It may have been changed and still have connections.
  const found = [...new Set([...there, ...changed, ...(action === 'reset' ? left : [])].map((it) => it.service))];
  const [first, second] = found;
  if (second !== undefined) return { problem: ambiguous(address, found) };
  if (first !== undefined) return { service: first, address };
  if (left.length > 0) return { problem: hasLeft(address) };
  const known = new Set(serving.filter(isWanted).map((it) => it.address));
  return { problem: unknownBackend(address, service, [...known]) };
}

function changed(before: Override, { action, weight, timeout_ms }: BackendRequest, { file, now }: Situation): Override {
  switch (action) {
    case 'drain': {
      const cutAt = timeout_ms === null ? null : now + timeout_ms;
      // A second drain changes only the deadline.
      return { ...before, drained: { since: before.drained?.since ?? now, cutAt } };
    }
    case 'ready':
      return { ...before, drained: null };
    case 'weight': {
      if (weight === null || weight === before.weight?.value) return before;
      const isInFile = weight === (plannedWeight(before, file) ?? plainBackend('', 0).weight);
      return { ...before, weight: isInFile ? null : { value: weight, since: now } };
    }
    case 'remove':
      return { ...before, drained: null, weight: null, presence: removal(before, now) };
    case 'reset':
    case 'add':
      return before;
    default:
      return unreachable(action);
  }
}

/** A backend that is in no file needs no override to stay away. */
function removal({ presence }: Override, now: number): Override['presence'] {
  return presence?.kind === 'added' ? null : { kind: 'removed', since: now };
}

function plannedWeight({ service, address }: EndpointName, { services }: Plan): number | undefined {
  return services.find(({ name }) => name === service)?.backends.find((it) => it.address === address)?.weight;
}

function addition({ address, service }: BackendRequest, serving: Plan, situation: Situation): Decision {
  const names = serving.services.map(({ name }) => name);
  const [only, another] = names;
  const to = service ?? (another === undefined ? only : undefined);
  if (to === undefined) return refused(whichService(address, names));
  const path = pathIn(address);
  const parts = path === null ? splitAddress(address) : { host: path, port: 0 };
  if (parts === null) return refused(badAddress(address, 'host and port, or the path of a Unix socket, are expected'));
  const complaint = path === null ? judgePeer(parts.host) : judgeUnix(path);
  if (complaint !== null) return refused(badAddress(address, complaint.hint ?? complaint.expected));
  const backend = plainBackend(parts.host, parts.port);
  const key = addressOf(canonicalHost(backend.host), backend.port);
  const there = serving.services
    .find(({ name }) => name === to)
    ?.backends.find(({ host, port }) => addressOf(canonicalHost(host), port) === key);
  if (there !== undefined) return refused(alreadyThere(there.address, to));
  const total = serving.services.reduce((sum, { backends }) => sum + backends.length, 0);
  if (total >= MAX_BACKENDS) return refused(tooMany());
  const loop = loopBy(backend, to, serving.services, situation.machine);
  if (loop !== null) return refused(leadsBack(address, loop));
  const inFile = situation.file.services
    .find(({ name }) => name === to)
    ?.backends.find(({ host, port }) => addressOf(canonicalHost(host), port) === key);
  const before = overrideOf(situation.overrides, to, inFile?.address ?? backend.address);
  const presence: Override['presence'] =
    inFile === undefined ? { kind: 'added', host: backend.host, port: backend.port, since: situation.now } : null;
  return outcome(before, { ...before, presence }, serving, situation);
}

function outcome(before: Override, after: Override, serving: Plan, situation: Situation): Accepted {
  const { file, overrides } = situation;
  const { service, address } = after;
  const isChanged = JSON.stringify(before) !== JSON.stringify(after);
  const { kept: next, forgotten } = limited(file, isChanged ? withOverride(overrides, after) : overrides);
  const warnings = lossOf(service, serving, effectivePlan(file, next), situation);
  return { ok: true, service, address, overrides: next, forgotten, changed: isChanged, warnings };
}

/** Warnings about a service that the change leaves without a backend for clients. */
function lossOf(service: string, from: Plan, to: Plan, situation: Situation): string[] {
  const taking = ({ services }: Plan): readonly BackendPlan[] =>
    services.find(({ name }) => name === service)?.backends.filter(({ weight }) => weight > 0) ?? [];
  const usable = (plan: Plan): boolean => taking(plan).some(({ address }) => situation.isReachable(service, address));
  if (taking(to).length === 0 && taking(from).length > 0) {
    return [`service ${service} has no other backend that takes clients: new ones are refused`];
  }
  return usable(from) && !usable(to) ? [`no other backend of service ${service} is up`] : [];
}

function refused(problem: Diagnosis): Decision {
  return { ok: false, problem };
}

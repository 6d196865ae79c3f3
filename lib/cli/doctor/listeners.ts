// Checks the listening ports: the processes of a running instance must hold them; otherwise they must be free.
import { addressOf, placesOf, type PlacePlan, type ServicePlan } from '../../../config/plan.ts';
import {
  bind,
  failureIn,
  listenAddresses,
  type BindFailure,
  type ListenAddresses,
} from '../../primary/listen/listeners.ts';
import { cannotBind } from '../../primary/reload/verdict.ts';
import { critical, ok, type Finding, type Patient } from './finding.ts';
import { freePath, ownedPath } from './unix-listeners.ts';
import { holdersOf, listenersOn, listeningSockets, type Holder, type ListeningSocket } from './sockets.ts';

/** One address of a service. Its finding is named after the service, with `/unix` for a socket beside a port. */
interface Place extends PlacePlan {
  readonly name: string;
  readonly service: string;
}

export async function checkListeners(patient: Patient): Promise<Finding[]> {
  const { reached, disk, running, isGuest } = patient;
  const serving = placesIn(running?.services ?? []);
  // An instance that runs but does not tell its plan holds these ports itself.
  if (running === null && reached.kind !== 'not_running') return [];
  // A start or reload has to bind what the file has and is not yet served.
  const served = new Set(serving.map(({ bindAddress, port }) => addressOf(bindAddress, port)));
  const planned = isGuest ? [] : placesIn(disk.plan?.services ?? []);
  const next = planned.filter((it) => !served.has(addressOf(it.bindAddress, it.port)));
  const where = await listenAddresses([...serving, ...next]);
  const listening = listeningSockets();
  return [
    ...serving.map((place, i) => owned(place, where[i], listening, patient)),
    ...next.map((place, i) => free(place, where[serving.length + i], listening, running !== null)),
  ];
}

function placesIn(services: readonly ServicePlan[]): Place[] {
  return services.flatMap((service) =>
    placesOf(service).map((place) => {
      const isBeside = place.port === 0 && service.port !== 0;
      return { ...place, name: `listen:${service.name}${isBeside ? '/unix' : ''}`, service: service.name };
    }),
  );
}

function owned(
  service: Place,
  where: ListenAddresses | undefined,
  listening: readonly ListeningSocket[] | null,
  { status, isGuest }: Patient,
): Finding {
  const { name } = service;
  if (service.port === 0) return ownedPath(name, service.bindAddress);
  const address = addressOf(service.bindAddress, service.port);
  if (listening === null) return ok(name, `${address}: who listens cannot be told on this system`);
  const sockets = ipsOf(service, where).flatMap((ip) => listenersOn(ip, service.port, listening));
  const ours = [status?.pid ?? 0, ...(status?.workers ?? []).map(({ pid }) => pid)];
  if (holdersOf(sockets, ours).length > 0) return ok(name, `${address} is bal's (PID ${status?.pid ?? '?'})`);
  if (status?.state === 'draining') return ok(name, `${address} is given up, bal is stopping`);
  if (isGuest && sockets.length > 0) return ok(name, `${address} is listened at; by whom, the owner of bal can tell`);
  const hint = "restart bal: 'bal stop', then 'bal start -d'";
  if (sockets.length > 0) {
    const summary = `${address} is held by ${shown(holdersOf(sockets))}, not by bal`;
    return critical(name, summary, 'bal lost its listening socket to another program', hint);
  }
  return critical(name, `bal runs, but nobody listens on ${address}`, 'no worker is ready', hint);
}

/** Checks that the address can be bound, by binding it for a moment, which disturbs nobody. */
function free(
  service: Place,
  where: ListenAddresses | undefined,
  listening: readonly ListeningSocket[] | null,
  beforeReload: boolean,
): Finding {
  const { name } = service;
  const when = beforeReload ? "the next 'bal graceful' can bind it" : 'bal is not running';
  if (service.port === 0) return freePath(name, service.bindAddress, when);
  if (where !== undefined && 'code' in where) return taken(name, where, service, listening);
  const results = ipsOf(service, where).map((ip) => bind(ip, service));
  for (const result of results) if (result.ok) result.listener.handle.close();
  const failure = failureIn(results);
  if (failure !== null) return taken(name, failure, service, listening);
  return ok(name, `${addressOf(service.bindAddress, service.port)} is free; ${when}`);
}

function ipsOf({ bindAddress }: Place, where: ListenAddresses | undefined): string[] {
  return where === undefined || 'code' in where ? [bindAddress] : where.map(({ ip }) => ip);
}

function taken(
  name: string,
  failure: BindFailure,
  service: Place,
  listening: readonly ListeningSocket[] | null,
): Finding {
  const problem = cannotBind(failure);
  if (failure.code !== 'EADDRINUSE') {
    return critical(name, problem.what_happened, problem.why_likely, problem.do_this_now);
  }
  const ip = failure.address.slice(0, failure.address.lastIndexOf(':'));
  const who = listening === null ? 'another program' : shown(holdersOf(listenersOn(ip, service.port, listening)));
  return critical(
    name,
    `${failure.address} is in use by ${who}`,
    'another program listens on this port',
    `stop it, or change 'port' of service ${service.service}`,
  );
}

function shown(holders: readonly Holder[]): string {
  if (holders.length === 0) return "another user's process";
  return holders.map(({ pid, command }) => `${command} (PID ${pid})`).join(', ');
}

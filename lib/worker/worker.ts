// Builds a worker's parts from its assignment: admission, policy, engine and reports. Applies the primary's messages to them.
// Everything that belongs to the process is in main.ts.

import type { Channels } from '../engine/channel.ts';
import { WAIT } from '../engine/engine.ts';
import type { CreateEngine, Exhaustion, Whose } from '../engine/engine.ts';
import { isBoundHandle } from '../engine/handles.ts';
import type { Board } from '../engine/scoreboard.ts';
import type { Assignment, ListenerAssignment } from '../ipc/assignment.ts';
import { send, sendLast } from '../ipc/channel.ts';
import type { ToWorker } from '../ipc/messages.ts';
import type { Cause } from '../ipc/reasons.ts';
import type { Snapshot } from '../ipc/snapshot.ts';
import { unreachable } from '../unreachable.ts';
import { createAccess } from './admission/access.ts';
import { createAdmission } from './admission/admission.ts';
import { createSourceLimits } from './admission/source-limits.ts';
import { createWaiting } from './admission/waiting.ts';
import type { Ages } from './ages.ts';
import { watchAges } from './ages.ts';
import { giveMemoryBack } from './at-rest.ts';
import { createEndpoints } from './balance/endpoints.ts';
import { createLoads } from './balance/loads.ts';
import { createConnections } from './connections.ts';
import { createDraining } from './draining.ts';
import { createHandover, noHandover } from './handover/handover.ts';
import { createLanding } from './handover/landing.ts';
import { createParcels } from './handover/parcels.ts';
import { createPolicy } from './policy.ts';
import { createCount } from './report/count.ts';
import type { Records } from './report/records.ts';
import { createReporter } from './report/reporter.ts';
import { createReports } from './report/reports.ts';
import { watchShortages } from './report/shortages.ts';
import { createRouting, settingsOf } from './routing/routing.ts';

export interface WorkerParts {
  /** 1 … workers. */
  readonly id: number;
  readonly create: CreateEngine;
  readonly board: Board | null;
  /** Null: connections stay with this worker. */
  readonly channels: Channels | null;
  readonly records: Records;
}

export interface Worker {
  receive(message: Exclude<ToWorker, { kind: 'assignment' }>, handle: unknown): void;
  /** See the message `drain`. A repeated call may change the deadline. */
  drain(order: Omit<Extract<ToWorker, { kind: 'drain' }>, 'kind'>): void;
}

export function createWorker(assignment: Assignment, { id, create, board, channels, records }: WorkerParts): Worker {
  const { logConnections } = assignment;
  const services = [...assignment.services];
  const connections = createConnections();
  const count = createCount();
  const endpoints = createEndpoints(services, id);
  const loads = createLoads(board);
  const reporter = createReporter();
  const routing = createRouting();
  const waiting = createWaiting(services, board);
  const admission = createAdmission(assignment, waiting, (connection, admitted) => {
    settled(connection, policy.decide(connection, admitted));
  });
  const ipOf = (connection: number): Uint8Array | null => engine.clientIp(connection);
  const sourceLimits = createSourceLimits(services, () => board?.sources?.() ?? null, ipOf);
  const policy = createPolicy({
    logConnections,
    routing,
    endpoints,
    connections,
    count,
    loads,
    access: createAccess(services, ipOf, (connection) => engine.clientAddress(connection) === 'unix'),
    sourceLimits,
    admission,
    queue: { board, waiting, settled },
    reporter,
    records,
    isOver: (service) => draining.isOver(service),
    clientAddress: (connection) => engine.clientAddress(connection),
    clientIp: ipOf,
    ends: (connection) => engine.ends(connection),
    take: (connection, bytes) => engine.take(connection, bytes),
    setClient: (connection, ip, port) => engine.setClient(connection, ip, port),
  });
  const engine = create({ ...policy, idle: () => !handover.isBusy && draining.idle() });
  for (const service of services) engine.service(service.id, { ...service.runtime, preamble: service.preamble });
  const shortages = watchShortages(shortOf, reporter);
  const reports = createReports({
    values: () => policy.counters(engine.bytes),
    short: shortOf,
    evidence: policy.evidence,
    unused() {
      const unused = policy.unused().filter((endpoint) => !handover.expects(endpoint) && engine.unroute(endpoint));
      // Reports about them must arrive before they are retired.
      if (unused.length > 0) reporter.flush();
      return unused;
    },
    forget: (endpoints) => [policy, landing].forEach((it) => it.forget(endpoints)),
  });
  const watch = (): Ages =>
    watchAges(services, connections, engine.name, (old) => cut({ connections: old }, 'max_age'));
  let ages = watch();
  const landing = createLanding({
    engine,
    connections,
    services,
    adopt(its, leadTo) {
      ages.close();
      ages = watch();
      return policy.adopt(its, leadTo);
    },
    landed: (connection, service) => draining.landed(connection, service),
    cutFor: (cause) => policy.cutFor(cause),
  });
  const parcels = createParcels({ engine, connections, endpoints, loads, count, admission, sourceLimits });
  const handover =
    channels === null ? noHandover : createHandover({ channels, engine, endpoints, parcels, ...landing, empty });
  const draining = createDraining(engine, routing, connections, finish, rest);
  let drains = false;
  let finished = false;
  reports.begin(board === null && services.some(({ method }) => method === 'least_connections'));

  /** Handles an empty worker. One that does not drain may get new clients. */
  function empty(): void {
    if (drains) draining.idle();
  }

  /** Sends a client that was held to its target, unless it has to wait for something else. */
  function settled(connection: number, target: number): void {
    if (target !== WAIT) engine.decide(connection, target);
  }

  /** Returns absolute counts by exhausted resource. */
  function shortOf(): Exhaustion {
    const [refused, uncounted] = [admission.beyondDescriptors, sourceLimits.uncounted];
    return {
      ...engine.exhaustion(),
      ...(refused > 0 && { descriptors: refused }),
      ...(uncounted > 0 && { sources: uncounted }),
    };
  }

  function use(snapshot: Snapshot): void {
    if (snapshot.services.some(({ byLoad }) => byLoad)) loads.share();
    for (const { id: endpoint, service, ip, port, sources } of policy.use(snapshot)) {
      engine.route(endpoint, service, ip, port, sources);
    }
  }

  function listen(listener: ListenerAssignment, handle: unknown): void {
    if (!isBoundHandle(handle)) {
      send({ kind: 'listen_failed', listener: listener.id, code: 'EINVAL' });
      return;
    }
    routing.add(listener);
    count.reserveService(listener.service);
    waiting.add(listener);
    try {
      engine.listen(listener.id, handle, settingsOf(listener));
      send({ kind: 'listening', listener: listener.id });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      send({ kind: 'listen_failed', listener: listener.id, code });
    }
  }

  function drain({ timeoutMs, why, handover: path }: Parameters<Worker['drain']>[0]): void {
    if (finished) return;
    drains = true;
    if (path !== null) send({ kind: 'giving', error: handover.give(path, why) });
    else if (why === 'stopped') handover.stop();
    engine.stopAccepting();
    // Workers of the next generation may need this worker's counts.
    loads.share();
    policy.cutFor(why);
    admission.drain();
    draining.drain(services, timeoutMs, why);
  }

  function cut(whose: Whose, why: Cause): void {
    const before = policy.cutFor(why);
    engine.cut(whose);
    policy.cutFor(before);
  }

  /** Cuts the endpoint's connections. One still connecting to a backend that is down may get another endpoint. */
  function reset(endpoint: number, why: 'operator' | 'backend_down'): void {
    if (handover.isOpen) landing.reset(endpoint, why);
    cut(why === 'operator' ? { target: endpoint } : { connections: connections.connectedTo(endpoint) }, why);
  }

  /** Gives back memory and timers that only new connections need. */
  function rest(): void {
    admission.rest();
    shortages.close();
    reports.rest();
    void giveMemoryBack();
  }

  function finish(cut: number): void {
    if (finished) return;
    finished = true;
    ages.close();
    handover.stop();
    shortages.close();
    reporter.close();
    reports.close();
    admission.close();
    policy.close();
    engine.close();
    // Exit only after the pipe and the channel have written the last records and counters.
    records.close(() => sendLast({ kind: 'drained', cut }, () => process.exit(0)));
  }

  return {
    drain,
    receive(message, handle) {
      // The worker only waits for its last messages to be written.
      if (finished) return;
      switch (message.kind) {
        case 'snapshot':
          return use(message.snapshot);
        case 'listen':
          return listen(message.listener, handle);
        case 'permits':
          return admission.permits(message);
        case 'recall':
          return admission.recall(message.pool);
        case 'report':
          return reports.answer(message.id);
        case 'reset':
          return reset(message.endpoint, message.why);
        case 'drain':
          return drain(message);
        case 'share':
          return void send({ kind: 'giving', error: handover.share(message.path, message.connections) });
        case 'take':
          return handover.take(message.path);
        case 'adopt':
          return handover.know(message.path, message.known);
        default:
          return unreachable(message);
      }
    },
  };
}

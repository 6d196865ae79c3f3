// A worker without a process or sockets, for tests of its decisions: the real policy, admission and permit pools over a
// fake engine. Chance drives it through the life cycle in engine.ts, and it checks the calls it gets.
import assert from 'node:assert/strict';
import {
  CONNECT_FAILURES,
  ENDS,
  INSPECT,
  REFUSE,
  WAIT,
  type ConnectFailureCode,
  type EndCode,
} from '../engine/engine.ts';
import { ENDPOINT_FIELDS, endpointAt, serviceAt } from '../ipc/counters.ts';
import { BACKEND_REASONS, REASONS } from '../ipc/reasons.ts';
import { createAdmission } from '../worker/admission/admission.ts';
import { createWaiting } from '../worker/admission/waiting.ts';
import { createLoads } from '../worker/balance/loads.ts';
import { createEndpoints } from '../worker/balance/endpoints.ts';
import { createConnections } from '../worker/connections.ts';
import { createCount } from '../worker/report/count.ts';
import { createPolicy } from '../worker/policy.ts';
import type { Ended, FailedTry } from '../worker/report/record-buffer.ts';
import { createRouting } from '../worker/routing/routing.ts';
import type { Send } from '../worker/admission/permits.ts';
import { helloFor } from './hello.ts';
import { ALL, ASSIGNMENT, ENDPOINTS, LISTENERS, SERVICES, SHARED, snapshotFor } from './model-plan.ts';
import { quietReporter } from './quiet-reporter.ts';

interface Connection {
  /** The client's address, unique to this connection. */
  readonly client: string;
  /** SHARED until the client has named its service. */
  service: number;
  state: 'waiting' | 'heard' | 'connecting' | 'open' | 'refused';
  /** Whether it was admitted, so that it holds its permits until it has ended. */
  admitted: boolean;
  tries: number;
  /** The attempts that failed, in order. */
  readonly failed: FailedTry[];
  target: number;
}

/** `db` has a permit pool of its own. */
export function createModelWorker(id: number, send: Send) {
  const routing = createRouting();
  const count = createCount();
  for (const listener of LISTENERS) {
    routing.add(listener);
    count.reserveService(listener.service);
  }
  const connections = new Map<number, Connection>();
  const records: Ended[] = [];
  const statistics = { accepted: [0, 0, 0], ended: [0, 0, 0], connected: 0, failed: 0, local: 0, resets: 0 };
  let clients = 0;
  let draining = false;
  const waiting = createWaiting(ASSIGNMENT.services, null);
  const admission = createAdmission(ASSIGNMENT, waiting, settled, send);
  const policy = createPolicy({
    logConnections: ASSIGNMENT.logConnections,
    routing,
    endpoints: createEndpoints(ASSIGNMENT.services, id),
    connections: createConnections(),
    count,
    loads: createLoads(null),
    access: { allows: () => true },
    sourceLimits: { enter: () => null, leave: () => undefined },
    admission,
    queue: { board: null, waiting, settled: () => assert.fail('nobody waits for an endpoint') },
    reporter: quietReporter,
    records: { add: (record) => void records.push(record), forget: () => undefined, close: () => undefined },
    isOver: () => false,
    clientAddress: (connection) => {
      const client = connections.get(connection)?.client;
      assert.ok(client !== undefined, 'the engine still knows the client while `ended` is called');
      return client;
    },
    clientIp: () => assert.fail('no client has to say anything'),
    ends: () => assert.fail('no backend is told of its client'),
    take: () => assert.fail('no client has to say anything'),
    setClient: () => assert.fail('no client stands for another one'),
  });

  policy.use(snapshotFor(id));

  function went(connection: Connection, target: number): void {
    if (target === REFUSE || target === INSPECT) {
      connection.state = target === REFUSE ? 'refused' : 'heard';
      return;
    }
    assert.ok(
      target >= connection.service * ENDPOINTS && target < (connection.service + 1) * ENDPOINTS,
      `target ${target}`,
    );
    assert.ok(++connection.tries <= ENDPOINTS, 'each backend is tried once at most');
    connection.state = 'connecting';
    connection.target = target;
  }

  function settled(number: number, admitted: boolean): void {
    const connection = connections.get(number);
    assert.equal(connection?.state, 'waiting', 'an answer is for a client that is held, and comes once');
    if (connection === undefined) return;
    connection.admitted = admitted;
    went(connection, policy.decide(number, admitted));
  }

  function end(number: number, code: EndCode): void {
    const connection = connections.get(number);
    const bytesOut = number % 2;
    if (connection?.state === 'open' && ENDS[code] === 'backend_reset' && bytesOut === 0) statistics.resets++;
    policy.ended(number, code, 1, bytesOut);
    connections.delete(number);
    const { tried = null, attempts = NaN, backend = null } = records.at(-1) ?? {};
    assert.deepEqual(tried ?? [], connection?.failed, 'a record names what was tried without success, in order');
    assert.equal(attempts, (tried?.length ?? 0) + (backend === null ? 0 : 1));
    const service = connection?.service ?? 0;
    if (service === SHARED) statistics.accepted[SHARED] = (statistics.accepted[SHARED] ?? 0) + 1;
    statistics.ended[service] = (statistics.ended[service] ?? 0) + 1;
  }

  const nth = (states: readonly Connection['state'][], choice: number): [number, Connection] | undefined => {
    const fit = [...connections].filter(([, { state }]) => states.includes(state));
    return fit[choice % Math.max(1, fit.length)];
  };

  return {
    id,
    connections,
    admission,
    queue: { board: null, waiting, settled: () => assert.fail('nobody waits for an endpoint') },
    records,
    snapshot: (variant: number) => void policy.use(snapshotFor(variant)),
    drain() {
      draining = true;
      admission.drain();
    },
    accept(service: number) {
      if (draining) return;
      let number = 0;
      while (connections.has(number)) number++;
      const client = `127.0.0.1:${++clients}`;
      const connection: Connection = {
        client,
        service,
        state: 'waiting',
        admitted: false,
        tries: 0,
        failed: [],
        target: 0,
      };
      connections.set(number, connection);
      if (service !== SHARED) statistics.accepted[service] = (statistics.accepted[service] ?? 0) + 1;
      const target = policy.accepted(number, service);
      if (target === WAIT) return;
      went(connection, target);
      connection.admitted = target !== REFUSE;
      if (target === REFUSE) end(number, 7);
    },
    /** A client of the shared listener names a server, perhaps one that belongs to no service. */
    speak(choice: number) {
      const found = nth(['heard'], choice);
      if (found === undefined) return;
      const [number, connection] = found;
      const wanted = choice % 3;
      const target = policy.inspected?.(number, helloFor(SERVICES[wanted] ?? 'none'), 0) ?? NaN;
      if (wanted !== SHARED) {
        connection.service = wanted;
        statistics.accepted[wanted] = (statistics.accepted[wanted] ?? 0) + 1;
      }
      connection.admitted = target !== REFUSE && target !== WAIT;
      if (target === WAIT) connection.state = 'waiting';
      else went(connection, target);
    },
    connect(choice: number) {
      const found = nth(['connecting'], choice);
      if (found === undefined) return;
      policy.connected(found[0]);
      found[1].state = 'open';
      statistics.connected++;
    },
    fail(choice: number, code: ConnectFailureCode) {
      const found = nth(['connecting'], choice);
      if (found === undefined) return;
      if (CONNECT_FAILURES[code] === 'local') statistics.local++;
      else statistics.failed++;
      const [number, connection] = found;
      const backend = `${SERVICES[connection.service] ?? ''}-${connection.target % ENDPOINTS}`;
      connection.failed.push({ backend, cause: CONNECT_FAILURES[code] });
      went(connection, policy.failed(number, code));
    },
    leave(choice: number) {
      const found = nth(['waiting', 'heard', 'connecting', 'open', 'refused'], choice);
      if (found === undefined) return;
      const [number, { state }] = found;
      if (state === 'open') end(number, (choice % 5) as EndCode);
      else end(number, state === 'refused' ? 7 : 6);
    },
    cut(service: number) {
      for (const [number, connection] of connections) if (connection.service === service) end(number, 5);
    },
    check() {
      const values = policy.counters(new Float64Array(SERVICES.length * ENDPOINTS * 2));
      const at = (index: number): number => values.services[index] ?? NaN;
      assert.ok(
        [...values.services, ...values.endpoints].every((value) => value >= 0),
        'no counter is ever negative',
      );
      for (const service of ALL) {
        const live = [...connections.values()].filter((connection) => connection.service === service).length;
        const ended = REASONS.reduce((sum, reason) => sum + at(serviceAt(service, `ended_${reason}_total`)), 0);
        assert.equal(at(serviceAt(service, 'accepted_total')), statistics.accepted[service]);
        assert.equal(at(serviceAt(service, 'active')), live);
        assert.equal(ended, statistics.ended[service], 'accepted = ended + active');
      }
      const sum = (field: (typeof ENDPOINT_FIELDS)[number]): number =>
        Array.from(
          { length: SERVICES.length * ENDPOINTS },
          (_, i) => values.endpoints[endpointAt(i, field)] ?? NaN,
        ).reduce((a, b) => a + b);
      const using = [...connections.values()].filter(({ state }) => state === 'open' || state === 'connecting').length;
      assert.equal(sum('active'), using, 'a backend is in use by those that connect or are connected to it');
      assert.equal(sum('connections_total'), statistics.connected);
      const open = [...connections.values()].filter(({ state }) => state === 'open').length;
      const over = BACKEND_REASONS.reduce((all, reason) => all + sum(`ended_${reason}_total`), 0);
      assert.equal(over, statistics.connected - open, 'what was connected and is over has a reason at its backend');
      assert.equal(sum('reset_early_total'), statistics.resets, 'resets before the client had got a byte');
      assert.equal(sum('local_total'), statistics.local);
      assert.equal(sum('refused_total') + sum('timeout_total') + sum('other_total'), statistics.failed);
      const total = statistics.ended.reduce((all, ended) => all + ended, 0);
      assert.equal(records.length, total, 'every connection that ended has a record');
      assert.equal(new Set(records.map(({ client }) => client)).size, total, 'and exactly one');
      for (const { reason } of records.slice(-3)) assert.ok(REASONS.includes(reason));
    },
  };
}

export type ModelWorker = ReturnType<typeof createModelWorker>;

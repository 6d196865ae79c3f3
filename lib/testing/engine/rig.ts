// An engine under test with one listener, one service, a scripted policy, and a record of every decision it asked for.
// In every test the rig also checks the order of calls that engine.ts specifies: see #check.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { CONNECT_FAILURES, ENDS, INSPECT, INSPECTIONS, MORE, REFUSE } from '../../engine/engine.ts';
import type {
  ConnectFailure,
  CreateEngine,
  EndCode,
  Engine,
  ListenerSettings,
  Policy,
  ServiceSettings,
} from '../../engine/engine.ts';
import type { AdoptedFor, ReleasedConnection } from '../../engine/handover.ts';
import { boundTcp, localPort } from '../bound.ts';
import { until } from './wait.ts';

export type Inspection = (typeof INSPECTIONS)[number];
export type End = (typeof ENDS)[number];

export interface Ended {
  readonly connection: number;
  readonly end: End;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** The client's address, read within `ended`. */
  readonly client: string;
}

/** The policy's answers. By default every client goes to target 0, and is refused if its connect fails. */
export interface Script {
  readonly accepted?: (connection: number, listener: number) => number;
  readonly failed?: (connection: number, cause: ConnectFailure) => number;
  readonly inspected?: (connection: number, bytes: Buffer, inspection: Inspection) => number;
  readonly preamble?: (connection: number) => Uint8Array | null;
  readonly idle?: () => void;
}

export const LISTENER: ListenerSettings = { backlog: 511, keepaliveMs: 0 };

export const SERVICE: ServiceSettings = {
  connectTimeoutMs: 2000,
  idleMs: 60_000,
  keepaliveMs: 0,
  halfClosedMs: 60_000,
};

/** A connection's state between calls. Absent: no such connection. */
type Stage = 'inspecting' | 'connecting' | 'open' | 'deciding';

export class Rig {
  readonly engine: Engine;
  readonly accepted: number[] = [];
  readonly connected: number[] = [];
  readonly inspections: Inspection[] = [];
  readonly failures: ConnectFailure[] = [];
  readonly ended: Ended[] = [];
  /** How often `idle` was called. */
  idles = 0;
  /** Calls that engine.ts does not allow. Collected instead of thrown, because a policy must not throw. */
  readonly violations: string[] = [];
  readonly #stages = new Map<number, Stage>();
  readonly #script: Script;
  /** Connections adopted minus connections released. */
  #moved = 0;
  #closed = false;

  constructor(create: CreateEngine, script: Script) {
    this.#script = script;
    const policy: Policy = {
      accepted: (connection, listener) => {
        this.#check(connection, undefined);
        this.accepted.push(connection);
        this.#stages.set(connection, 'deciding');
        const answer = this.#script.accepted?.(connection, listener) ?? 0;
        if (answer >= 0) this.#stages.set(connection, 'connecting');
        else if (answer === INSPECT) this.#stages.set(connection, 'inspecting');
        return answer;
      },
      inspected: (connection, bytes, inspection) => {
        this.#check(connection, 'inspecting');
        const kind = INSPECTIONS[inspection];
        this.inspections.push(kind);
        const answer = this.#script.inspected?.(connection, Buffer.from(bytes), kind) ?? 0;
        if (answer >= 0) this.#stages.set(connection, 'connecting');
        else if (answer !== MORE) this.#stages.set(connection, 'deciding');
        return answer;
      },
      preamble: (connection) => {
        if (this.#stages.get(connection) !== 'connecting') this.#check(connection, 'open');
        return this.#script.preamble?.(connection) ?? null;
      },
      failed: (connection, cause) => {
        this.#check(connection, 'connecting');
        this.failures.push(CONNECT_FAILURES[cause]);
        const answer = this.#script.failed?.(connection, CONNECT_FAILURES[cause]) ?? REFUSE;
        if (answer < 0) this.#stages.set(connection, 'deciding');
        return answer;
      },
      connected: (connection) => {
        this.#check(connection, 'connecting');
        this.connected.push(connection);
        this.#stages.set(connection, 'open');
      },
      ended: (connection, end, bytesIn, bytesOut) => this.#ended(connection, end, bytesIn, bytesOut),
      idle: () => {
        const { size } = this.#stages;
        const isEarly = size > 0 || this.engine.active > 0;
        if (isEarly || this.#closed) this.violations.push(`idle() with ${size} connections`);
        this.idles++;
        this.#script.idle?.();
      },
    };
    this.engine = create(policy);
    this.engine.service(0, SERVICE);
  }

  #ended(connection: number, code: EndCode, bytesIn: number, bytesOut: number): void {
    const end = ENDS[code];
    const stage = this.#stages.get(connection);
    const early = end === 'client_gone' || end === 'refused';
    if (stage === undefined) this.violations.push(`ended(${connection}, ${end}) without accepted`);
    else if (end !== 'cut' && early === (stage === 'open')) this.violations.push(`ended(${end}) while ${stage}`);
    this.#stages.delete(connection);
    this.ended.push({ connection, end, bytesIn, bytesOut, client: this.engine.clientAddress(connection) });
  }

  #check(connection: number, expected: Stage | undefined): void {
    const stage = this.#stages.get(connection);
    if (stage !== expected) this.violations.push(`call for connection ${connection}: it is ${stage}, not ${expected}`);
  }

  /** Connections that are being relayed. */
  get open(): number[] {
    return [...this.#stages].flatMap(([connection, stage]) => (stage === 'open' ? [connection] : []));
  }

  /** Whether the policy owes this connection a decision. */
  isDeciding(connection: number): boolean {
    return this.#stages.get(connection) === 'deciding';
  }

  /** Calls the engine's decide(), as the policy would. */
  decide(connection: number, target: number): void {
    if (target >= 0) this.#stages.set(connection, 'connecting');
    else if (target === INSPECT) this.#stages.set(connection, 'inspecting');
    this.engine.decide(connection, target);
  }

  /** Releases a connection, which must succeed. */
  release(connection: number): ReleasedConnection {
    const release = this.engine.release(connection);
    if (!release.ok) throw new Error(`Cannot release connection ${connection}: ${release.why}`);
    this.#check(connection, 'open');
    this.#stages.delete(connection);
    this.#moved--;
    return release.released;
  }

  /** Adopts a connection, which must succeed. Returns its id in this engine. */
  adopt(released: ReleasedConnection, as?: AdoptedFor): number {
    const adoption = this.engine.adopt(released, as);
    if (!adoption.ok) throw new Error(`Cannot adopt a connection: ${adoption.why}`);
    this.#check(adoption.connection, undefined);
    this.#stages.set(adoption.connection, 'open');
    this.#moved++;
    return adoption.connection;
  }

  /** Starts another listener and returns its port. Service settings apply to service 0 from now on. */
  listen(listener = 0, settings: Partial<ListenerSettings & ServiceSettings> = {}, host = '127.0.0.1'): number {
    const handle = boundTcp(host, 0);
    const port = localPort(handle);
    const { backlog, inspect, ...shared } = { ...LISTENER, ...settings };
    this.engine.service(0, { ...SERVICE, ...shared });
    this.engine.listen(listener, handle, {
      backlog,
      keepaliveMs: shared.keepaliveMs,
      ...(inspect === undefined ? {} : { inspect }),
    });
    return port;
  }

  /** Waits for the first `count` connections to end. */
  async ends(count: number): Promise<readonly Ended[]> {
    await until(() => this.ended.length >= count, `${count} connections have ended`);
    return this.ended;
  }

  /** Waits for the only end that the test expects, and returns it. */
  async end(): Promise<End | undefined> {
    await this.ends(1);
    assert.equal(this.ended.length, 1);
    return this.ended[0]?.end;
  }

  /** Closes the engine and checks its promises. Idempotent, so that a test may do it earlier. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.engine.close();
    assert.deepEqual(this.violations, []);
    assert.equal(this.ended.length, this.accepted.length + this.#moved, 'every accepted has one ended');
  }
}

/** Creates a rig that is closed and checked after the test. */
export function rig(t: TestContext, create: CreateEngine, script: Script = {}): Rig {
  const made = new Rig(create, script);
  t.after(() => made.close());
  return made;
}

// The engine on plain node:net. Runs wherever Node does, and serves where the native engine was not built. Owns the
// connections' ids and the two timers; js/connection.ts has a connection's life.

import { ipv4Text, ipv6Text, isIpv4In, readIp } from '../../config/ip.ts';
import type {
  BoundHandle,
  CreateEngine,
  EndCode,
  Engine,
  ListenerSettings,
  Policy,
  ServiceSettings,
  Exhaustion,
  Whose,
} from './engine.ts';
import { INSPECT, WAIT } from './engine.ts';
import type { Ends } from './ends.ts';
import { endOf, localOf, peerText, systemError, handleOn } from './handles.ts';
import type { Adoption, Release } from './handover.ts';
import { IdleEvent } from './idle-event.ts';
import { Buffers } from './js/buffers.ts';
import { Connection } from './js/connection.ts';
import type { Core } from './js/core.ts';
import { inspect } from './js/first.ts';
import { queuesOf } from './js/kernel.ts';
import { listen } from './js/listener.ts';
import type { Listener } from './js/listener.ts';
import type { Side } from './js/side.ts';
import { Sweeper } from './js/sweeper.ts';
import { Targets } from './js/targets.ts';
import { Ticker } from './js/ticker.ts';

/** Precision of connect timeouts, and how soon the reset of a client without a backend is noticed. */
const WATCH_MS = 40;

class JsEngine implements Engine, Core {
  readonly name = 'js';
  readonly policy: Policy;
  readonly buffers = new Buffers();
  readonly targets = new Targets();
  lastReader: Side | null = null;
  active = 0;
  readonly #listeners = new Set<Listener>();
  readonly #connections: (Connection | undefined)[] = [];
  readonly #freeIds: number[] = [];
  readonly #ip = new Uint8Array(16);
  readonly #exhausted = new Map<string, number>();
  #watched: Connection[] = [];
  readonly #watcher = new Ticker(WATCH_MS, (now, punctual) => this.#watch(now, punctual));
  readonly #sweeper = new Sweeper(this.#connections);
  readonly #idle: IdleEvent;

  constructor(policy: Policy) {
    this.policy = policy;
    this.#idle = new IdleEvent(policy, () => this.active);
  }

  get bytes(): Float64Array {
    return this.targets.bytes;
  }

  service(service: number, settings: ServiceSettings): void {
    this.#sweeper.expect(Math.min(settings.idleMs, settings.halfClosedMs));
    this.targets.setService(service, settings);
  }

  route(target: number, service: number, ip: string, port: number, sources: readonly string[] = []): void {
    this.targets.route(target, service, ip, port, sources);
  }

  unroute(target: number): boolean {
    return this.targets.unroute(target);
  }

  listen(id: number, handle: BoundHandle, settings: ListenerSettings): void {
    const accept = this.#accept.bind(this);
    this.#listeners.add(listen(id, handleOn(handle), settings, accept));
    this.#idle.accepting();
  }

  #accept(listener: Listener, status: number, client: unknown): void {
    if (status !== 0) {
      this.exhausted(systemError('accept', status));
      return;
    }
    const id = this.#freeIds.pop() ?? this.#connections.length;
    const connection = new Connection(this, id, listener, handleOn(client));
    this.#connections[id] = connection;
    this.active++;
    this.#sweeper.start();
    const target = this.policy.accepted(id, listener.id);
    if (target === WAIT) this.watch(connection);
    else if (target === INSPECT) inspect(connection);
    else connection.decided(target);
  }

  take(id: number, bytes: number): void {
    const connection = this.#connections[id];
    if (!connection?.first) throw new Error('Cannot take bytes: not so many are being inspected');
    connection.first.take(bytes);
  }

  decide(id: number, target: number): void {
    const connection = this.#connections[id];
    if (connection?.stage !== 'waiting') return;
    if (target === INSPECT) inspect(connection);
    else connection.decided(target);
  }

  /** Holds the client until decide(). */
  hold(connection: Connection): void {
    connection.stage = 'waiting';
    this.watch(connection);
  }

  watch(connection: Connection): void {
    if (connection.watched) return;
    connection.watched = true;
    this.#watched.push(connection);
    this.#watcher.start();
  }

  #watch(now: number, punctual: boolean): boolean {
    const watched = this.#watched;
    this.#watched = [];
    for (const connection of watched) {
      connection.watched = false;
      if (connection.stage === 'open' || connection.stage === 'over') continue;
      // A client without a backend is not read. Its reset shows only in that its peer's name is gone.
      if (connection.handle.getpeername({}) !== 0) connection.clientGone();
      else if (connection.stage !== 'waiting' && punctual && connection.isLate(now)) connection.timedOut();
      else this.watch(connection);
    }
    return this.#watched.length > 0;
  }

  over(connection: Connection, end: EndCode): void {
    this.active--;
    this.policy.ended(connection.id, end, connection.bytesIn, connection.bytesOut);
    this.#connections[connection.id] = undefined;
    this.#freeIds.push(connection.id);
    if (this.active === 0) this.#idle.look();
  }

  exhausted(error: NodeJS.ErrnoException): void {
    const what = `${error.syscall} ${error.code}`;
    this.#exhausted.set(what, (this.#exhausted.get(what) ?? 0) + 1);
  }

  exhaustion(): Exhaustion {
    return Object.fromEntries(this.#exhausted);
  }

  clientAddress(id: number): string {
    const connection = this.#connections[id];
    return connection === undefined ? '' : peerText(connection.peer);
  }

  clientIp(id: number): Uint8Array | null {
    const text = this.#connections[id]?.peer.address ?? '';
    const zone = text.indexOf('%');
    return readIp(text, 0, zone === -1 ? text.length : zone, this.#ip, 0) ? this.#ip : null;
  }

  ends(id: number): Ends {
    const connection = this.#connections[id];
    if (connection === undefined) return { client: null, local: null };
    return { client: endOf(connection.peer), local: endOf(localOf(connection.handle)) };
  }

  setClient(id: number, ip: Uint8Array, port: number): void {
    if (ip.length !== 16) throw new TypeError('Cannot use ip: it has not sixteen bytes');
    const connection = this.#connections[id];
    if (connection?.first?.isShown !== true) {
      throw new Error("Cannot set the client's address: it is not being inspected");
    }
    const isIpv4 = isIpv4In(ip, 0);
    const address = isIpv4 ? ipv4Text(ip, 12) : ipv6Text(ip, 0);
    connection.peer = { address, port, family: isIpv4 ? 'IPv4' : 'IPv6' };
  }

  stopAccepting(): void {
    for (const { handle } of this.#listeners) handle.close();
    this.#listeners.clear();
    this.#idle.stopped();
  }

  cut(whose: Whose): number {
    const among = 'connections' in whose ? this.#these(whose.connections) : this.#connections;
    return this.#cut(among.filter((connection) => connection !== undefined && belongs(connection, whose)));
  }

  #these(ids: readonly number[]): (Connection | undefined)[] {
    return Array.from(new Set(ids), (id) => this.#connections[id]);
  }

  /** Asks the kernel about all of them at once. */
  #cut(connections: readonly (Connection | undefined)[]): number {
    const fds = connections.flatMap((connection) => connection?.fds ?? []);
    const queues = fds.length > 0 ? queuesOf(fds) : null;
    const now = performance.now();
    for (const connection of connections) connection?.leave('cut', queues, now);
    return connections.length;
  }

  quietFor(): number {
    return 0;
  }

  /** node:net does not give its descriptors away. */
  release(): Release {
    return { ok: false, why: 'unsupported' };
  }

  adopt(): Adoption {
    return { ok: false, why: 'unsupported' };
  }

  close(): void {
    this.#idle.closed();
    this.stopAccepting();
    this.#cut(this.#connections);
    this.#watcher.stop();
    this.#sweeper.stop();
  }
}

function belongs({ listener, target }: Connection, whose: Whose): boolean {
  if ('connections' in whose) return true;
  if ('listener' in whose) return listener.id === whose.listener;
  return 'service' in whose ? target.service.id === whose.service : target.id === whose.target;
}

export const createJsEngine: CreateEngine = (policy) => new JsEngine(policy);

// Both halves of the permit protocol over a network that delays, loses and kills.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ToPrimary, ToWorker } from '../../ipc/messages.ts';
import {
  admit,
  drainPermits,
  expire,
  gaveUp,
  granted,
  openPermits,
  recalled,
  REFUSE_MS,
  release,
} from '../../worker/admission/permits.ts';
import type { Permits, Verdict } from '../../worker/admission/permits.ts';
import { createLeases, deadline, heldPermits, step, type LeaseEvent, type Leases, type Letter } from './leases.ts';

const DELAY = 5;

interface Worker {
  readonly id: number;
  readonly permits: Permits;
  admitted: number;
  idleSince: number;
  /** Messages in one direction never overtake each other. */
  readonly lastAt: { up: number; down: number };
}

class Network {
  now = 0;
  leases: Leases;
  readonly workers = new Map<number, Worker>();
  refusals = 0;
  #bound: number;
  #nextId = 1;
  #seed: number;
  readonly #loss: number;
  #freeSince = 0;
  #mail: { at: number; deliver: () => void }[] = [];
  /** Queued worker → other workers granted permits since. */
  readonly #overtaken = new Map<number, Set<number>>();

  constructor(limit: number, workers: number, seed: number, loss = 0) {
    this.leases = createLeases(0, limit);
    this.#bound = limit;
    this.#seed = seed;
    this.#loss = loss;
    for (let i = 0; i < workers; i++) this.spawn();
  }

  spawn(): void {
    const id = this.#nextId++;
    this.deliver({ kind: 'joined', worker: id });
    const lastAt = { up: 0, down: 0 };
    const send = (message: Extract<ToPrimary, { kind: 'ask' | 'returned' | 'took' }>) => {
      if (this.#random() >= this.#loss) this.#post(lastAt, 'up', () => this.deliver({ ...message, worker: id }));
    };
    this.workers.set(id, { id, permits: openPermits(0, send, this.now), admitted: 0, idleSince: Infinity, lastAt });
  }

  /** Kills the process now. The primary learns of it later, and messages sent before may still arrive. */
  kill(worker: Worker): void {
    this.workers.delete(worker.id);
    this.#post(worker.lastAt, 'up', () => this.deliver({ kind: 'left', worker: worker.id }));
  }

  deliver(event: LeaseEvent): void {
    if (event.kind === 'limit') this.#bound = Math.max(event.limit, heldPermits(this.leases));
    const queued = new Set(this.leases.queue.map(({ worker }) => worker));
    const { state, send } = step(this.leases, event, this.now);
    this.leases = state;
    this.#checkTurns(queued, send);
    for (const { worker, message } of send) {
      const to = this.workers.get(worker);
      if (to === undefined || this.#random() < this.#loss) continue;
      this.#post(to.lastAt, 'down', () => this.#receive(to, message));
    }
    this.check();
  }

  connect(worker: Worker): void {
    const answer = admit(worker.permits, this.now);
    if (answer === 'yes') worker.admitted++;
    if (answer === 'no') this.#refused(worker);
    this.check();
  }

  disconnect(worker: Worker): void {
    if (worker.permits.used > 0) release(worker.permits);
    this.check();
  }

  /** Lets `ms` pass: delivers mail and fires deadlines. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const due = deadline(this.leases, this.now);
      const tickAt = due === null ? Infinity : this.now + due;
      const next = this.#mail[0];
      const at = Math.min(tickAt, next?.at ?? Infinity);
      if (at > until) break;
      this.now = at;
      if (next !== undefined && next.at === at) {
        this.#mail.shift();
        next.deliver();
        this.check();
      } else {
        this.deliver({ kind: 'tick' });
      }
    }
    this.now = until;
    for (const worker of this.workers.values()) this.#judge(worker, expire(worker.permits, this.now));
  }

  /** Invariants that hold at every instant. */
  check(): void {
    let real = 0;
    for (const worker of this.workers.values()) {
      const { granted, used, waiting } = worker.permits;
      assert.ok(used >= 0 && used <= granted, `worker ${worker.id} uses ${used} of ${granted}`);
      assert.ok(waiting === 0 || granted === used, 'nobody waits beside an idle permit');
      real += granted;
      if (granted === used) worker.idleSince = Infinity;
      else worker.idleSince = Math.min(worker.idleSince, this.now);
    }
    const held = heldPermits(this.leases);
    this.#bound = Math.max(this.leases.limit, Math.min(this.#bound, held));
    assert.ok(real <= held, `workers hold ${real}, the primary knows of ${held}`);
    assert.ok(held <= this.#bound, `${held} held, ${this.#bound} allowed`);
    this.#freeSince = held < this.leases.limit ? Math.min(this.#freeSince, this.now) : Infinity;
  }

  #receive(worker: Worker, message: Extract<ToWorker, { kind: 'permits' | 'recall' }>): void {
    if (!this.workers.has(worker.id)) return;
    if (message.kind === 'recall') recalled(worker.permits);
    else this.#judge(worker, granted(worker.permits, message, this.now));
  }

  #judge(worker: Worker, { admitted, refused }: Verdict): void {
    worker.admitted += admitted;
    for (let i = 0; i < refused; i++) this.#refused(worker);
  }

  /** Exactness: no client is refused while a permit has been idle elsewhere for longer than it takes to get it. */
  #refused(worker: Worker): void {
    this.refusals++;
    if (this.#loss > 0) return;
    const late = REFUSE_MS + 8 * DELAY;
    assert.ok(!(this.now - this.#freeSince > late), 'refused while the primary had free permits');
    for (const other of this.workers.values()) {
      if (other === worker) continue;
      const idleFor = this.now - other.idleSince;
      assert.ok(!(idleFor > late), `refused while worker ${other.id} was idle for ${idleFor} ms`);
    }
  }

  /** No starvation: no worker is served twice while another is queued. */
  #checkTurns(queuedBefore: ReadonlySet<number>, send: readonly Letter[]): void {
    const queued = new Set(this.leases.queue.map(({ worker }) => worker).filter((worker) => queuedBefore.has(worker)));
    for (const worker of queuedBefore) if (!queued.has(worker)) this.#overtaken.delete(worker);
    for (const worker of queued) {
      const seen = this.#overtaken.get(worker) ?? new Set();
      this.#overtaken.set(worker, seen);
      for (const { worker: other, message } of send) {
        if (message.kind !== 'permits' || message.granted === 0) continue;
        assert.ok(!seen.has(other), `worker ${other} was served twice while ${worker} was queued`);
        seen.add(other);
      }
    }
  }

  #post(lastAt: Worker['lastAt'], way: 'up' | 'down', deliver: () => void): void {
    lastAt[way] = Math.max(lastAt[way], this.now + this.#random() * DELAY);
    const at = lastAt[way];
    const place = this.#mail.findLastIndex((letter) => letter.at <= at) + 1;
    this.#mail.splice(place, 0, { at, deliver });
  }

  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#seed / 2 ** 32;
  }
}

type Op = { readonly what: string; readonly worker: number; readonly times: number; readonly pause: number };

function opsOf(...what: string[]): fc.Arbitrary<Op[]> {
  const pause = fc.oneof(fc.nat(3), fc.nat(40));
  return fc.array(
    fc.record({ what: fc.constantFrom(...what), worker: fc.nat(5), times: fc.integer({ min: 1, max: 6 }), pause }),
    { minLength: 10, maxLength: 120 },
  );
}

function perform(network: Network, { what, worker: nth, times, pause }: Op): void {
  const worker = [...network.workers.values()][nth % Math.max(1, network.workers.size)];
  for (let i = 0; i < times; i++) {
    if (worker === undefined) break;
    if (what === 'connect') network.connect(worker);
    if (what === 'disconnect') network.disconnect(worker);
    if (what === 'give up' && worker.permits.waiting > 0) gaveUp(worker.permits);
  }
  if (what === 'kill' && worker !== undefined) network.kill(worker);
  if (what === 'spawn' && network.workers.size < 6) network.spawn();
  if (what === 'limit') network.deliver({ kind: 'limit', limit: times * 2 });
  network.check();
  network.pass(pause);
}

const size = fc.record({
  limit: fc.integer({ min: 1, max: 40 }),
  workers: fc.integer({ min: 1, max: 5 }),
  seed: fc.nat(),
});
const QUIET_MS = 5000;

test('never more permits than the limit, nobody starves, nobody is refused for long beside an idle permit', () => {
  const ops = opsOf('connect', 'connect', 'connect', 'disconnect', 'disconnect', 'give up', 'kill', 'spawn', 'limit');
  let refusals = 0;
  fc.assert(
    fc.property(size, ops, ({ limit, workers, seed }, all) => {
      const network = new Network(limit, workers, seed);
      for (const op of all) perform(network, op);
      network.pass(QUIET_MS);
      for (const { permits } of network.workers.values()) {
        assert.deepEqual([permits.waiting, permits.asking], [0, 'no'], 'everybody has an answer');
      }
      refusals += network.refusals;
      for (const worker of network.workers.values()) {
        drainPermits(worker.permits);
        while (worker.permits.used > 0) network.disconnect(worker);
      }
      network.pass(QUIET_MS);
      assert.equal(heldPermits(network.leases), 0, 'all permits are free in the end');
    }),
    { numRuns: 300 },
  );
  assert.ok(refusals > 100, 'the limit was reached often enough to mean something');
});

test('lost messages never make it more than the limit, and leave nobody waiting', () => {
  const ops = opsOf('connect', 'connect', 'connect', 'disconnect', 'disconnect', 'give up', 'kill', 'spawn', 'limit');
  fc.assert(
    fc.property(size, ops, ({ limit, workers, seed }, all) => {
      const network = new Network(limit, workers, seed, 0.2);
      for (const op of all) perform(network, op);
      for (let i = 0; i < 50; i++) network.pass(QUIET_MS);
      for (const { permits } of network.workers.values()) assert.equal(permits.waiting, 0);
    }),
    { numRuns: 100 },
  );
});

test('every client is admitted as long as there are permits, whichever worker it comes to', () => {
  fc.assert(
    fc.property(size, fc.array(fc.nat(5), { minLength: 40 }), ({ limit, workers, seed }, order) => {
      const network = new Network(limit, workers, seed);
      const all = [...network.workers.values()];
      for (let i = 0; i < limit; i++) {
        const worker = all[(order[i] ?? 0) % workers];
        assert.ok(worker !== undefined);
        network.connect(worker);
      }
      network.pass(QUIET_MS);
      assert.equal(network.refusals, 0);
      assert.equal(
        all.reduce((sum, { permits }) => sum + permits.used, 0),
        limit,
      );
    }),
  );
});

test('workers that are all overloaded get equal shares', () => {
  for (const [limit, workers] of [
    [3, 4],
    [40, 4],
    [1, 2],
  ] as const) {
    const network = new Network(limit, workers, 7);
    const all = [...network.workers.values()];
    for (let ms = 0; ms < 4000; ms++) {
      for (const worker of all) {
        network.connect(worker);
        // A connection lasts 20 ms on average.
        for (let i = worker.permits.used; i > 0; i--)
          if ((ms * 7 + i * 13 + worker.id) % 20 === 0) network.disconnect(worker);
      }
      network.pass(1);
    }
    const shares = all.map(({ admitted }) => admitted);
    assert.ok(Math.min(...shares) > 0.7 * Math.max(...shares), `limit ${limit}: ${shares.join(' ')}`);
  }
});

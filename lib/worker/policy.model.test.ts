// Whole workers without their processes: the real policy, admission and permit pools over fake engines, the primary's real
// permit book, and between them a network that delays and loses messages and processes that die.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { runtimeWith } from '../testing/assignments.ts';
import type { Plan } from '../../config/plan.ts';
import { ALL, SHARED } from '../testing/model-plan.ts';
import { createModelWorker, type ModelWorker } from '../testing/model-worker.ts';
import { monotonicClock } from '../testing/monotonic.ts';
import { processStandIn, type StandIn } from '../testing/process-stand-in.ts';
import type { ConnectFailureCode } from '../engine/engine.ts';
import { createPermitBook } from '../primary/limits/permits.ts';
import { REFUSE_MS } from './admission/permits.ts';

const RUNS = process.env['BAL_SOAK'] === 'long' ? 3000 : 40;
const LONGEST_DELAY = 5;
/** Long enough for every answer, also one to a repeated ask after a loss. */
const QUIET_MS = 6000;

/** Two services of three backends. `db` has its own limit, so its own pool. */
function planFor(limit: number, own: number): Plan {
  const service = (name: string, ownLimit: number | null): Plan['services'][number] => ({
    name,
    bindAddress: '127.0.0.1',
    port: 1,
    bindUnix: null,
    method: 'round_robin',
    sendProxy: 'none',
    proxiesFrom: [],
    serverNames: [],
    protocols: [],
    access: null,
    backends: [],
    discovers: false,
    healthCheck: { type: 'tcp', port: null },
    ownLimit,
    runtime: runtimeWith({ maxConnections: limit }),
  });
  return {
    configPath: '/config.yaml',
    included: [],
    fingerprint: '',
    logLevel: 'info',
    logConnections: 'all',
    workers: 1,
    engine: 'js',
    admin: null,
    dnsServers: [],
    adminHosts: [],
    controlGroup: null,
    maxConnections: limit,
    services: [service('web', null), service('db', own)],
  };
}

/** The primary's permit book, and workers that come and go. The test controls time: nothing here waits. */
class World {
  readonly workers: ModelWorker[] = [];
  limits: { readonly shared: number; readonly own: number };
  #clock = 0;
  #nextId = 1;
  #seed: number;
  readonly #loss: number;
  readonly #t: TestContext;
  readonly #book = createPermitBook();
  readonly #lines = new Map<number, StandIn>();

  constructor(t: TestContext, seed: number, loss: number, limit: number, own: number) {
    this.#t = t;
    this.#seed = seed;
    this.#loss = loss;
    this.limits = { shared: limit, own };
    monotonicClock(t, () => this.#clock);
    this.#book.setPlan(planFor(limit, own));
  }

  spawn(): void {
    const id = this.#nextId++;
    const last = { up: 0, down: 0 };
    const line = processStandIn(id, (message) => {
      if (message.kind !== 'permits' && message.kind !== 'recall') return;
      this.#post(last, 'down', () => {
        if (line.state === 'gone') return;
        if (message.kind === 'recall') worker.admission.recall(message.pool);
        else worker.admission.permits(message);
      });
    });
    this.#lines.set(id, line);
    const worker = createModelWorker(id, (message) => {
      this.#post(last, 'up', () => this.#book.receive(line, message));
      return true;
    });
    this.workers.push(worker);
  }

  /** Kills its process at any moment. Messages that it has sent may still arrive, but must not be granted anything. */
  kill(worker: ModelWorker): void {
    this.workers.splice(this.workers.indexOf(worker), 1);
    worker.admission.close();
    const line = this.#lines.get(worker.id);
    if (line === undefined) return;
    setTimeout(() => {
      line.state = 'gone';
      this.#book.forget(line);
    }, this.#random(LONGEST_DELAY));
  }

  limit(shared: number, own: number): void {
    // Permits come back gradually after the limit is lowered, and a lost message may delay that. So check against the highest
    // limit so far.
    this.limits = { shared: Math.max(shared, this.limits.shared), own: Math.max(own, this.limits.own) };
    this.#book.setPlan(planFor(shared, own));
  }

  pass(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.#clock++;
      this.#t.mock.timers.tick(1);
    }
    this.check();
  }

  check(): void {
    for (const worker of this.workers) worker.check();
    assert.ok(this.#inUse(false) <= this.limits.shared, `${this.#inUse(false)} clients, limit ${this.limits.shared}`);
    assert.ok(this.#inUse(true) <= this.limits.own, `${this.#inUse(true)} clients of db, limit ${this.limits.own}`);
  }

  close(): void {
    for (const worker of this.workers) worker.admission.close();
    this.#book.close();
    this.#t.mock.timers.reset();
    this.#t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  }

  #inUse(onlyOwn: boolean): number {
    const all = this.workers.flatMap(({ connections }) => [...connections.values()]);
    return all.filter(({ admitted, service }) => admitted && (!onlyOwn || service === 1)).length;
  }

  #post(last: { up: number; down: number }, way: 'up' | 'down', deliver: () => void): void {
    if (this.#random(1000) < this.#loss * 1000) return;
    last[way] = Math.max(last[way], this.#clock + this.#random(LONGEST_DELAY));
    setTimeout(deliver, last[way] - this.#clock);
  }

  #random(below: number): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * below);
  }
}

interface Op {
  readonly what: (typeof WHATS)[number];
  readonly worker: number;
  readonly choice: number;
  readonly times: number;
  readonly pause: number;
}

const WHATS = [
  'accept',
  'speak',
  'connect',
  'fail',
  'leave',
  'cut',
  'snapshot',
  'drain',
  'kill',
  'spawn',
  'limit',
] as const;

const ops = fc.array(
  fc.record({
    what: fc.constantFrom<(typeof WHATS)[number]>(
      ...WHATS,
      'accept',
      'accept',
      'accept',
      'speak',
      'speak',
      'speak',
      'connect',
      'leave',
      'leave',
    ),
    worker: fc.nat(5),
    choice: fc.nat(1000),
    times: fc.integer({ min: 1, max: 6 }),
    pause: fc.nat(8),
  }),
  { minLength: 10, maxLength: 80 },
);
interface Setting {
  readonly seed: number;
  readonly limit: number;
  readonly own: number;
  readonly workers: number;
}
const setting: fc.Arbitrary<Setting> = fc.record({
  seed: fc.nat(),
  limit: fc.integer({ min: 1, max: 20 }),
  own: fc.integer({ min: 1, max: 8 }),
  workers: fc.integer({ min: 1, max: 4 }),
});

function perform(world: World, { what, worker: nth, choice, times, pause }: Op): void {
  const worker = world.workers[nth % Math.max(1, world.workers.length)];
  if (what === 'spawn' && world.workers.length < 6) world.spawn();
  if (what === 'limit') world.limit(times * 3, times);
  for (let i = 0; worker !== undefined && i < times; i++) {
    if (what === 'accept') worker.accept((choice + i) % 3);
    if (what === 'speak') worker.speak(choice + i);
    if (what === 'connect') worker.connect(choice + i);
    if (what === 'fail') worker.fail(choice + i, (choice % 6) as ConnectFailureCode);
    if (what === 'leave') worker.leave(choice + i);
  }
  if (worker !== undefined) {
    if (what === 'cut') worker.cut(choice % 3);
    if (what === 'snapshot') worker.snapshot(choice);
    if (what === 'drain') worker.drain();
    if (what === 'kill') world.kill(worker);
  }
  world.check();
  world.pass(pause);
}

/** Plays the ops on a new world, then ends all connections. */
function play(t: TestContext, { seed, limit, own, workers }: Setting, all: readonly Op[], loss: number) {
  const world = new World(t, seed, loss, limit, own);
  for (let i = 0; i < workers; i++) world.spawn();
  for (const op of all) perform(world, op);
  // Every client whose first bytes are awaited sends them, and some more clients come.
  for (const worker of world.workers) {
    for (let i = 0; i < 10; i++) {
      worker.accept(SHARED);
      world.pass(1);
      worker.speak(i);
    }
  }
  world.pass(QUIET_MS);
  for (const { connections } of world.workers) {
    const waiting = [...connections.values()].filter(({ state }) => state === 'waiting');
    assert.equal(waiting.length, 0, 'nobody waits for ever for a permit');
  }
  for (const worker of world.workers) for (const service of ALL) worker.cut(service);
  world.pass(QUIET_MS);
  return world;
}

test('whatever happens, each client has one record, no counter lies, and all permits come back', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let refused = 0;
  fc.assert(
    fc.property(setting, ops, (how, all) => {
      const world = play(t, how, all, 0);
      refused += world.workers.flatMap(({ records }) => records).filter(({ reason }) => reason === 'overload').length;
      // A new worker must find every permit free, and not one more.
      for (const worker of world.workers) worker.drain();
      world.limit(how.limit, how.own);
      world.spawn();
      const fresh = world.workers.at(-1);
      assert.ok(fresh !== undefined);
      fresh.snapshot(0);
      for (let i = 0; i < how.limit + 3; i++) {
        fresh.accept(0);
        world.pass(2 * LONGEST_DELAY + REFUSE_MS);
      }
      const { length } = [...fresh.connections.values()].filter(({ admitted }) => admitted);
      assert.equal(length, how.limit, 'as many clients as the limit says');
      world.close();
    }),
    { numRuns: RUNS },
  );
  assert.ok(refused > RUNS, 'the limit was reached often enough to mean something');
});

test('lost messages leave nobody waiting, let nobody in beyond the limit, and no client without its record', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  fc.assert(
    fc.property(setting, ops, (how, all) => {
      play(t, how, all, 0.2).close();
    }),
    { numRuns: RUNS },
  );
});

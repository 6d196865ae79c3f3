// Rolling reloads without processes: the real fleet with fake workers that come up, hang, fail and die at random, on a fake
// clock.
import assert from 'node:assert/strict';
import { setImmediate as settle } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { monotonicClock } from '../../testing/monotonic.ts';
import { deferred } from '../../deferred.ts';
import { until } from '../../testing/until.ts';
import { createFleet, type Fleet, type Generation } from './fleet.ts';
import type { FleetEvent } from './fleet-event.ts';
import type { Log } from '../log/log.ts';
import { beyond } from '../reload/old-workers.ts';
import type { Exit, ReadyResult, WorkerProcess, WorkerState } from './worker-process.ts';

const RUNS = process.env['BAL_SOAK'] === 'long' ? 2000 : 60;
/** The deadline of worker-process.ts for a silent worker. */
const READY_DEADLINE_MS = 10_000;
const DRAIN_MS = 1000;
/** Longer than any deadline of the fleet. */
const QUIET_MS = 30_000;
/** Connections of a worker at its last report. */
const CLIENTS = 3;

function generationOf(number: number, workers: number, reloadDrainMs = DRAIN_MS): Generation {
  return { number, workers, engine: 'js', listeners: [], drainMs: DRAIN_MS, reloadDrainMs, introduce: () => undefined };
}

const silence = (): void => undefined;
const log: Log = { debug: silence, info: silence, warn: silence, error: silence, for: () => log };

/** A worker controlled by the test. */
class Fake {
  state: WorkerState = 'forked';
  hung = false;
  /** Clients lost with it. */
  lost = 0;
  readonly pid: number;
  readonly generation: number;
  readonly process: WorkerProcess;
  /** It got its listening sockets after it was up. */
  reported = false;
  readonly #up = deferred<ReadyResult>();
  readonly #ready = deferred<ReadyResult>();
  readonly #exited = deferred<Exit>();
  readonly #deadline: NodeJS.Timeout;

  /** `drained` is called when the fleet tells it to drain. */
  constructor(
    id: number,
    pid: number,
    generation: number,
    drained: (fake: Fake, timeoutMs: number | null) => void,
    reloadDrainMs = DRAIN_MS,
  ) {
    this.pid = pid;
    this.generation = generation;
    this.#deadline = setTimeout(() => this.end(null), READY_DEADLINE_MS);
    let lastMessageAt = performance.now();
    const state = (): WorkerState => this.state;
    const received = (): number => (lastMessageAt = this.hung ? lastMessageAt : performance.now());
    this.process = {
      id,
      pid,
      generation,
      drainMs: DRAIN_MS,
      reloadDrainMs,
      engine: 'js',
      engineNote: null,
      shares: false,
      get state() {
        return state();
      },
      get lastMessageAt() {
        return received();
      },
      up: this.#up.promise,
      ready: this.#ready.promise,
      listen: () => (this.reported = true),
      exited: this.#exited.promise,
      send: silence,
      drain: (timeoutMs) => {
        if (this.state === 'gone') return;
        this.state = 'draining';
        clearTimeout(this.#deadline);
        this.#up.resolve({ ok: false, reason: 'was told to stop' });
        this.#ready.resolve({ ok: false, reason: 'was told to stop' });
        drained(this, timeoutMs);
      },
      kill: () => this.end(null),
    };
  }

  /** It is up, but without listening sockets. */
  stand(): void {
    this.#up.resolve({ ok: true });
  }

  up(): void {
    if (this.state !== 'forked') return;
    this.state = 'ready';
    clearTimeout(this.#deadline);
    this.#ready.resolve({ ok: true });
  }

  /** It reports that it cannot listen, and lives until it is killed. */
  fail(): void {
    if (this.state === 'forked') this.#ready.resolve({ ok: false, reason: 'cannot listen' });
  }

  /** `cut`: what it reports at its end; null if it dies without reporting. */
  end(cut: number | null): void {
    if (this.state === 'gone') return;
    this.state = 'gone';
    clearTimeout(this.#deadline);
    this.#up.resolve({ ok: false, reason: 'is gone' });
    this.#ready.resolve({ ok: false, reason: 'is gone' });
    this.lost = cut ?? CLIENTS;
    this.#exited.resolve({ reason: 'exited with code 0', cut });
  }
}

class World {
  readonly fakes: Fake[] = [];
  readonly fleet: Fleet;
  rolling = false;
  rolls = { done: 0, refused: 0 };
  /** The time that the stop gives; null before a stop. */
  stopped: number | null = null;
  /** The result of the stop. */
  cut: number | null = null;
  /** The workers that were gone before the first stop. */
  before: ReadonlySet<Fake> | null = null;
  generation = 1;
  workers: number;
  #clock = 0;
  readonly #claims: (() => void)[] = [];
  readonly #gone = new Set<number>();
  readonly #t: TestContext;

  constructor(t: TestContext, workers: number) {
    this.#t = t;
    this.workers = workers;
    monotonicClock(t, () => this.#clock);
    const emit = ({ kind, worker: { pid } }: FleetEvent): void => {
      if (kind !== 'worker_gone') return;
      const reported = this.#gone.has(pid);
      this.#hold(() => assert.ok(!reported, 'an end is told once'));
      this.#gone.add(pid);
    };
    const startWorker = (id: number, generation: number): WorkerProcess => {
      const { stopped } = this;
      this.#hold(() => assert.equal(stopped, null, 'nobody is forked once bal is being stopped'));
      const fake = new Fake(id, this.fakes.length + 1, generation, (who, timeoutMs) => this.#drained(who, timeoutMs));
      this.fakes.push(fake);
      return fake.process;
    };
    this.fleet = createFleet({ log, emit, lostWith: () => CLIENTS, handoverPath: () => null, startWorker });
  }

  async start(): Promise<void> {
    const started = this.fleet.start(generationOf(1, this.workers));
    for (const fake of this.fakes) fake.up();
    assert.deepEqual(await started, { ok: true });
  }

  /** Rolls, one at a time as in the instance. */
  roll(workers: number): void {
    if (this.rolling || this.stopped !== null) return;
    const number = ++this.generation;
    this.rolling = true;
    void this.fleet.roll(generationOf(number, workers)).then(({ ok, replaced }) => {
      this.rolling = false;
      this.rolls[ok ? 'done' : 'refused']++;
      this.#hold(() => assert.equal(replaced, ok ? workers : 0));
      if (ok) this.workers = workers;
    });
  }

  stop(timeoutMs: number): void {
    const shorter = Math.min(timeoutMs, this.stopped ?? Infinity);
    this.stopped = shorter;
    // Clients of workers that were gone before are not cut by this stop.
    if (this.before === null) this.before = new Set(this.fakes.filter((fake) => fake.state === 'gone'));
    const cut = this.fleet.stop(shorter);
    void cut.then((sum) => (this.cut = sum));
    for (const { state } of this.fakes) assert.ok(state === 'draining' || state === 'gone');
  }

  /** Lets `ms` pass. Calls `each` for the workers' own actions, ten times a second. */
  async pass(ms: number, each: (fake: Fake) => void = silence): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.#clock += 100;
      this.#t.mock.timers.tick(100);
      this.fakes.forEach(each);
      await this.check();
    }
  }

  async check(): Promise<void> {
    await settle();
    for (const claim of this.#claims.splice(0)) claim();
    const alive = this.fakes.filter(({ state }) => state !== 'gone').map(({ pid }) => pid);
    assert.deepEqual(
      this.fleet.all().map(({ pid }) => pid),
      alive,
      'the fleet knows exactly the workers that live',
    );
    assert.equal(this.#gone.size, this.fakes.length - alive.length, 'every end is told');
  }

  listening(): Fake[] {
    return this.fakes.filter(({ state, hung }) => state === 'ready' && !hung);
  }

  #drained(fake: Fake, timeoutMs: number | null): void {
    const { stopped } = this;
    if (stopped !== null) {
      this.#hold(() => assert.equal(timeoutMs, stopped, 'nothing makes a stop last longer'));
      return;
    }
    const others = this.fakes.filter(({ pid, state }) => pid !== fake.pid && state === 'ready');
    this.#hold(() => assert.ok(others.length > 0, 'the last worker that listens is never told to go'));
  }

  /** Defers a claim made within the fleet's promises, so that it fails the test at the next check. */
  #hold(claim: () => void): void {
    this.#claims.push(claim);
  }
}

const WHATS = ['up', 'fail', 'die', 'drained', 'hang', 'roll', 'wait', 'stop'] as const;
interface Op {
  readonly what: (typeof WHATS)[number];
  readonly choice: number;
}
/** Stops are rare, or runs would be short. */
const what = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom<Op['what']>('up', 'up', 'fail', 'die', 'drained', 'hang', 'roll', 'wait') },
  { weight: 1, arbitrary: fc.constant<Op['what']>('stop') },
);
const ops: fc.Arbitrary<Op[]> = fc.array(fc.record({ what, choice: fc.nat(100) }), { minLength: 5, maxLength: 60 });

async function perform(world: World, { what: kind, choice }: Op): Promise<void> {
  const nth = (...states: WorkerState[]): Fake | undefined => {
    const fit = world.fakes.filter(({ state }) => states.includes(state));
    return fit[choice % Math.max(1, fit.length)];
  };
  if (kind === 'up') nth('forked')?.up();
  if (kind === 'fail') nth('forked')?.fail();
  if (kind === 'die') nth('forked', 'ready', 'draining')?.end(null);
  if (kind === 'drained') nth('draining')?.end(1);
  if (kind === 'roll') world.roll(1 + (choice % 4));
  if (kind === 'stop') world.stop((choice % 3) * DRAIN_MS);
  if (kind === 'wait') await world.pass(100 * (choice % 60));
  const hanging = kind === 'hang' ? nth('forked', 'ready', 'draining') : undefined;
  if (hanging !== undefined) hanging.hung = true;
  await world.check();
}

/** A healthy worker comes up, and ends when it is told to drain. */
function well(fake: Fake): void {
  if (fake.hung) return;
  fake.up();
  if (fake.state === 'draining') fake.end(0);
}

test('a fleet under faults always listens, comes back by itself, and ends when told', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const seen = { done: 0, refused: 0, stopped: 0 };
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), ops, async (workers, all) => {
      const world = new World(t, workers);
      await world.start();
      for (const op of all) await perform(world, op);
      await world.pass(QUIET_MS, well);
      assert.equal(world.rolling, false, 'a roll comes to its end');
      if (world.stopped === null) {
        assert.equal(world.listening().length, world.workers, 'as many workers as configured');
        assert.equal(world.fleet.all().length, world.workers, 'and none besides');
        world.roll(world.workers);
        await world.pass(QUIET_MS, well);
        assert.deepEqual(
          world.listening().map(({ generation }) => generation),
          Array.from({ length: world.workers }, () => world.generation),
          'all of the new generation',
        );
        world.stop(DRAIN_MS);
        await world.pass(QUIET_MS);
      } else seen.stopped++;
      assert.deepEqual(world.fleet.all(), []);
      assert.equal(
        world.cut,
        world.fakes.reduce((sum, fake) => sum + (world.before?.has(fake) === true ? 0 : fake.lost), 0),
        'the stop tells of every client that was lost since it began',
      );
      seen.done += world.rolls.done;
      seen.refused += world.rolls.refused;
    }),
    { numRuns: RUNS },
  );
  for (const count of Object.values(seen)) assert.ok(count > RUNS / 20, `enough was seen: ${JSON.stringify(seen)}`);
});

test('a stop during a reload that adds workers gives them no more time than the stop does', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const world = new World(t, 1);
  await world.start();
  world.roll(3);
  for (let swapped = 0; swapped < 2; swapped++) {
    world.fakes.at(-1)?.up();
    await world.check();
  }
  world.stop(0);
  await world.pass(QUIET_MS);
  assert.deepEqual([world.fleet.all(), world.rolls.refused], [[], 1]);
});

test('nor does one that comes while a failed reload goes back', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const world = new World(t, 1);
  await world.start();
  world.roll(3);
  for (const step of ['up', 'up', 'fail', 'fail'] as const) {
    world.fakes.at(-1)?.[step]();
    await world.check();
  }
  world.stop(0);
  await world.pass(QUIET_MS);
  assert.deepEqual([world.fleet.all(), world.rolls.refused], [[], 1]);
});

test('who repeats a stop does not begin its time anew', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let clock = 0;
  t.mock.method(performance, 'now', () => clock);
  const fakes: Fake[] = [];
  const startWorker = (id: number, generation: number): WorkerProcess => {
    const fake = new Fake(id, id, generation, silence);
    fakes.push(fake);
    return fake.process;
  };
  const fleet = createFleet({
    log,
    emit: silence,
    lostWith: () => CLIENTS,
    handoverPath: () => null,
    startWorker,
  });
  const started = fleet.start(generationOf(1, 2));
  for (const fake of fakes) fake.up();
  await started;
  // Stop every half a second, for longer than the time of the workers, which do not end by themselves.
  for (let i = 0; i < 10; i++) {
    void fleet.stop(null);
    clock += 500;
    t.mock.timers.tick(500);
    await settle();
  }
  assert.deepEqual(fleet.all(), []);
});

test('a worker that keeps dying is tried less and less, but within a quarter of a second when there is no other', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const world = new World(t, 2);
  await world.start();
  const last = (): Fake | undefined => world.fakes.at(-1);
  world.fakes[0]?.end(null);
  for (let deaths = 1; deaths < 9; deaths++) {
    await world.pass(6000);
    assert.equal(world.fakes.length, 2 + deaths, 'it is tried again');
    last()?.end(null);
    await world.check();
  }
  const tried = world.fakes.length;
  await world.pass(1000);
  assert.equal(world.fakes.length, tried, 'now it waits for five seconds');
  // The other worker has served for long, so it is respawned at once. Then it keeps dying as well.
  world.fakes[1]?.end(null);
  await world.check();
  for (let deaths = 1; deaths < 11; deaths++) {
    await world.pass(300);
    assert.equal(world.fakes.length, tried + deaths, 'the other is tried, not both');
    last()?.end(null);
    await world.check();
  }
  await world.pass(300);
  last()?.up();
  await world.check();
  assert.equal(world.listening().length, 1);
  world.stop(0);
  await world.pass(QUIET_MS);
});

test('workers that stand by get their sockets and the slots at start(), and one that died meanwhile is replaced', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { fleet, fakes } = bare(2);
  const standing = fleet.standBy(generationOf(2, 2));
  const [first, second] = fakes.slice(2);
  first?.stand();
  second?.stand();
  const result = await standing;
  assert.ok(result.ok);
  assert.deepEqual([first?.reported, second?.reported], [false, false]);
  fleet.retireAll();
  second?.end(null);
  await settle();
  assert.equal(fakes.length, 4, 'nobody takes the place of one that has no slot');
  const started = fleet.start(generationOf(2, 2), result.workers);
  assert.deepEqual([first?.reported, second?.reported, fakes.length], [true, false, 5]);
  for (const fake of fakes) fake.up();
  assert.deepEqual(await started, { ok: true });
  for (const fake of fakes) if (fake.state === 'draining') fake.end(0);
  await settle();
  assert.deepEqual(
    fleet.all().map(({ id, generation }) => [id, generation]),
    [
      [1, 2],
      [2, 2],
    ],
  );
  void fleet.stop(0);
  t.mock.timers.tick(QUIET_MS);
});

test('one of those that stand by does not come up, or a stop comes: none is left, and those that serve are not touched', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  for (const stops of [false, true]) {
    const { fleet, fakes } = bare(2);
    const standing = fleet.standBy(generationOf(2, 2));
    fakes[2]?.stand();
    if (stops) void fleet.stop(null);
    else fakes[3]?.end(null);
    assert.equal((await standing).ok, false);
    await settle();
    assert.deepEqual(
      fakes.map(({ state }) => state),
      stops ? ['draining', 'draining', 'gone', 'gone'] : ['ready', 'ready', 'gone', 'gone'],
    );
    void fleet.stop(0);
    t.mock.timers.tick(QUIET_MS);
  }
});

/** A fleet after reloads without a drain limit: two old generations of one worker each beside the serving one. */
async function unlimited(
  t: TestContext,
): Promise<{ fleet: Fleet; fakes: readonly Fake[]; pass: (ms: number) => Promise<void> }> {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let clock = 0;
  monotonicClock(t, () => clock);
  const { fleet, fakes } = bare(1, 0);
  for (const number of [2, 3]) {
    const rolled = fleet.roll(generationOf(number, 1, 0));
    fakes.at(-1)?.up();
    assert.deepEqual(await rolled, { ok: true, replaced: 1 });
  }
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) {
      clock += 500;
      t.mock.timers.tick(500);
      await settle();
    }
  };
  return { fleet, fakes, pass };
}

const statesOf = (fakes: readonly Fake[]): string[] => fakes.map(({ state }) => state);

test('old workers without a limit are there a day later, and a stop ends them in its time', async (t) => {
  const { fleet, fakes, pass } = await unlimited(t);
  const first = fakes[0]?.process;
  assert.ok(first !== undefined);
  assert.equal(fleet.drainsUntil(first), Infinity);
  await pass(24 * 3_600_000);
  assert.deepEqual(statesOf(fakes), ['draining', 'draining', 'ready']);
  const stopped = fleet.stop(null);
  assert.equal(fleet.drainsUntil(first) - performance.now(), DRAIN_MS);
  await pass(QUIET_MS);
  assert.equal(await stopped, 3 * CLIENTS);
});

test('an old worker that hangs is killed, those that do not live on, and nobody takes its place', async (t) => {
  const { fleet, fakes, pass } = await unlimited(t);
  const [first] = fakes;
  if (first !== undefined) first.hung = true;
  await pass(QUIET_MS);
  assert.deepEqual(statesOf(fakes), ['gone', 'draining', 'ready']);
  assert.equal(fleet.respawned, 0);
  void fleet.stop(0);
  await pass(QUIET_MS);
});

test('those that are hurried are gone in their time and are waited for, the others are not touched', async (t) => {
  const { fleet, fakes, pass } = await unlimited(t);
  const oldest = beyond(
    fleet.all().filter(({ state }) => state === 'draining'),
    1,
  );
  assert.deepEqual(
    oldest.map(({ generation }) => generation),
    [1],
  );
  let isOver = false;
  void fleet.hurry(oldest, 1000).then(() => (isOver = true));
  await pass(500);
  assert.equal(isOver, false);
  await pass(QUIET_MS);
  assert.deepEqual([isOver, statesOf(fakes)], [true, ['gone', 'draining', 'ready']]);
  void fleet.stop(0);
  await pass(QUIET_MS);
});

test('a roll starts the next worker when the one before has handed its connections over, or cannot', async (t) => {
  const { fleet, fakes } = bare(3, DRAIN_MS, 'native');
  t.after(() => fleet.stop(0));
  await settle();
  const rolled = fleet.roll(generationOf(2, 3));
  fakes[3]?.up();
  await settle();
  assert.equal(fakes.length, 4, 'the first one has still connections');
  fakes[0]?.end(null);
  await settle();
  assert.equal(fakes.length, 5);
  fakes[4]?.up();
  await until('the second one is not waited for without end', () => fakes.length === 6);
  fakes[5]?.up();
  assert.deepEqual(await rolled, { ok: true, replaced: 3 });
  for (const fake of fakes) fake.end(null);
});

/** A fleet of serving workers, without the World's claims. */
function bare(
  workers: number,
  reloadDrainMs = DRAIN_MS,
  engine: 'native' | 'js' = 'js',
): { readonly fleet: Fleet; readonly fakes: readonly Fake[] } {
  const fakes: Fake[] = [];
  const startWorker = (id: number, generation: number): WorkerProcess => {
    const fake = new Fake(id, fakes.length + 1, generation, silence, reloadDrainMs);
    fakes.push(fake);
    return Object.assign(fake.process, { engine });
  };
  const fleet = createFleet({
    log,
    emit: silence,
    lostWith: () => CLIENTS,
    handoverPath: () => null,
    startWorker,
  });
  void fleet.start(generationOf(1, workers, reloadDrainMs));
  for (const fake of fakes) fake.up();
  return { fleet, fakes };
}

// An upgrade that fails, with a successor that is a few lines of Node.js.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import { workFolder } from '../../testing/program.ts';
import type { AdminMove } from '../listen/admin-listener.ts';
import type { Log } from '../log/log.ts';
import { lookUp } from '../../process.ts';
import { until } from '../../testing/until.ts';
import { type Counted, createEstate, type Estate, type EstateParts } from './estate.ts';
import { createRegistry } from '../registry.ts';
import { createUpgrade, type Upgrade, type UpgradeParts } from './upgrade.ts';

const quiet = (): void => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, for: () => log };

/** The owners of an instance that has no workers. `move` is that of the admin listener; `done` gets what happens. */
function estateWith(move: EstateParts['admin']['move'], done: string[]): Estate {
  const { plan } = parseConfig('port: 9\nadmin: "127.0.0.1:10"\nbackends: [127.0.0.1:1]\n', '/c.yaml');
  assert.ok(plan !== null);
  const parts: Partial<EstateParts> = {
    state: { phase: 'running', plan, generation: 1, reloads: 0, past: { respawned: 0, linesDropped: 0 } },
    inTurn: (act) => act(),
    admin: { move },
    listening: {
      descriptors: () => [],
      bindFor: () => Promise.resolve({ ok: true, listeners: [] }),
      abandon: quiet,
      own: quiet,
      wantedBy: () => Promise.resolve([]),
    },
    permits: {
      occupied: quiet,
      held: () => 0,
      borrow: quiet,
      borrowed: quiet,
      loans: () => ({ wanted: 0, lent: 0 }),
      freeze: () => void done.push('permits are frozen'),
      setPlan: () => void done.push('permits are granted'),
    },
    live: { close: () => void done.push('drains are left alone') },
    discovery: { known: () => [], close: quiet },
    services: { get: () => undefined, used: quiet, close: quiet },
    handovers: {
      giveAway: quiet,
      takeBack: quiet,
      ready: quiet,
      look: quiet,
      takeOver: quiet,
      settled: () => Promise.resolve(),
    },
    registry: createRegistry(),
    fleet: {
      all: () => [],
      start: () => (done.push('workers are started'), Promise.resolve({ ok: true })),
      retireAll: quiet,
      drainsUntil: () => 0,
    },
    generationOf: (number) => ({
      number,
      workers: 1,
      engine: 'js',
      listeners: [],
      drainMs: 0,
      reloadDrainMs: 0,
      introduce: quiet,
    }),
  };
  // What is missing is not used here.
  return createEstate(parts as EstateParts);
}

const MOVED: AdminMove = {
  ok: true,
  isInTheWayOf: () => false,
  giveUp: () => Promise.resolve(),
  finish: () => Promise.resolve({ ok: true }),
  undo: () => Promise.resolve({ ok: true }),
};

test('after a failed upgrade the workers start while the name of the admin address is still looked up', async () => {
  const done: string[] = [];
  let answer: (moved: AdminMove) => void = quiet;
  const estate = estateWith(() => new Promise((resolve) => (answer = resolve)), done);
  estate.giveAway(null);
  const resumed = estate.resume();
  await new Promise(setImmediate);
  assert.deepEqual(done, ['permits are granted', 'workers are started']);
  answer(MOVED);
  assert.equal(await resumed, null);
});

test('after a failed upgrade the workers start even if the admin listener has a defect, which is told', async () => {
  const done: string[] = [];
  const estate = estateWith(() => Promise.reject(new Error('odd')), done);
  estate.giveAway(null);
  assert.match((await estate.resume())?.what_happened ?? '', /odd/);
  assert.deepEqual(done, ['permits are granted', 'workers are started']);
});

test('an instance that has let go ends no drains and writes no overrides', () => {
  const done: string[] = [];
  estateWith(() => Promise.resolve(MOVED), done).letGo();
  assert.deepEqual(done, ['drains are left alone']);
});

/** A program that says that it is prepared, and nothing more. */
function prepared(t: TestContext): string {
  const program = join(workFolder(t), 'next.mjs');
  const text = `process.send({ kind: 'hello', protocol: 1, version: '9.9.9' });
process.on('message', ({ kind }) => kind === 'begin' && process.send({ kind: 'prepared' }));\n`;
  writeFileSync(program, text);
  return program;
}

function upgradeOf(t: TestContext, estate: Estate, more: Partial<UpgradeParts>): Upgrade {
  return createUpgrade({
    log,
    estate,
    config: '/c.yaml',
    homeDir: workFolder(t),
    foreground: false,
    watches: false,
    stays: false,
    follow: quiet,
    refusal: () => null,
    history: () => ({ reloads: 0, respawned: 0, linesDropped: 0, events: [] }),
    yield: quiet,
    isFollowedBy: () => false,
    takeBack: () => Promise.resolve(null),
    ...more,
  });
}

test('an upgrade that fails while it frees the admin address leaves no permit frozen', async (t) => {
  const done: string[] = [];
  const moves = [() => Promise.reject(new Error('odd')), () => Promise.resolve(MOVED)];
  const estate = estateWith(() => (moves.shift() ?? assert.fail)(), done);
  const upgrade = upgradeOf(t, estate, {
    yield: () => void done.push('the control socket is given up'),
    takeBack: () => (done.push('the control socket is taken back'), Promise.resolve(null)),
  });
  const { verdict, successor } = await upgrade.run({ program: prepared(t), node: process.execPath });
  assert.equal(successor, null);
  assert.match(verdict.problem?.what_happened ?? '', /odd/);
  assert.deepEqual(done, ['permits are frozen', 'permits are granted']);
});

test('this program serves on if its successor ends after the last connection has moved', async (t) => {
  const program = join(workFolder(t), 'next.mjs');
  writeFileSync(
    program,
    `process.send({ kind: 'hello', protocol: 1, version: '9.9.9' });
const answers = { begin: { kind: 'prepared' }, yield: { kind: 'serving', generation: 2, takes: false } };
process.on('message', ({ kind }) => kind in answers && process.send(answers[kind]));\n`,
  );
  const done: string[] = [];
  const base = estateWith(() => Promise.resolve(MOVED), done);
  let pid = 0;
  let counts = 0;
  async function counted(): Promise<Counted> {
    const held = { clients: { all: 0, services: {} }, permits: { all: 0, services: {} } };
    if (counts++ === 1) {
      process.kill(pid, 'SIGKILL');
      await until('it has ended', () => lookUp(pid).state !== 'alive');
    }
    return { past: { services: {}, backends: {} }, held } as unknown as Counted;
  }
  const left = { value: { workers: 0, connections: 0, generations: 0, until: null } };
  const estate = Object.assign(Object.create(base, { left }) as Estate, { giveAway: quiet, counted });
  const upgrade = upgradeOf(t, estate, { isFollowedBy: (its) => ((pid = its), true) });
  const { verdict, successor } = await upgrade.run({ program, node: process.execPath });
  assert.equal(successor, null);
  assert.match(verdict.problem?.what_happened ?? '', /SIGKILL/);
  assert.deepEqual(done, ['permits are frozen', 'permits are granted']);
});

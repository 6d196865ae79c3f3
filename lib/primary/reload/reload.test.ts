// What a reload reports and leaves when something unexpected happens: a defect, or a stop.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadConfig } from '../../../config/load.ts';
import type { Plan } from '../../../config/plan.ts';
import { workFolder } from '../../testing/program.ts';
import type { RootLog } from '../log/log.ts';
import { reload, type InstanceState, type ReloadParts } from './reload.ts';

const quiet = (): void => undefined;
const nothing = (): Promise<void> => Promise.resolve();
const odd = (): never => assert.fail('odd');

/** An instance whose reload succeeds, unless `more` has other owners. */
async function scene(t: TestContext, more: (state: InstanceState) => Partial<ReloadParts>) {
  const path = join(workFolder(t), 'config.yaml');
  writeFileSync(path, 'port: 9\nbackends: [127.0.0.1:1]\n');
  const { plan: first } = await loadConfig(path);
  assert.ok(first !== null);
  const plans = { plan: first, filePlan: first, basePlan: first };
  const past = { respawned: 0, linesDropped: 0 };
  const state: InstanceState = {
    ...plans,
    phase: 'running',
    generation: 1,
    reloads: 0,
    refused: null,
    read: '',
    past,
  };
  const events: string[] = [];
  const followed: (readonly Plan[])[] = [];
  const note = (event: string): void => void events.push(event);
  const log: RootLog = { ...quietLog(note), setLevel: quiet, finished: quiet, for: () => quietLog(note) };
  const parts: Partial<ReloadParts> = {
    log,
    listening: {
      unused: [],
      abandon: quiet,
      own: quiet,
      descriptors: () => [],
      addresses: [],
      bindFor: () => Promise.resolve({ ok: true, listeners: [] }),
      keepOnly: quiet,
      setModes: quiet,
      succeed: quiet,
      close: quiet,
      wantedBy: () => Promise.resolve([]),
      isOwnObstacle: () => Promise.resolve(false),
    },
    admin: { move: () => Promise.resolve({ ...MOVE, ok: true }) },
    watchers: { prepare: () => Promise.resolve(null), commit: quiet, abandon: quiet, obstacles: () => [] },
    generations: { add: () => 2 },
    services: { apply: quiet, settled: nothing },
    permits: { setPlan: quiet },
    live: { settle: () => ({ kept: [], dropped: [] }), adopt: nothing },
    handovers: { settled: nothing },
    discovery: { follow: (...its) => void followed.push(its), asked: nothing },
    discovered: (file) => file,
    ...more(state),
  };
  const fleet = { all: () => [], roll: () => Promise.resolve({ ok: true, replaced: 1 }), ...parts.fleet };
  const statistics = { refresh: () => Promise.resolve(0), heldDraining: null };
  const generationOf = (): object => ({});
  // What is missing is not used here.
  const verdict = await reload(state, { ...parts, fleet, statistics, generationOf } as unknown as ReloadParts);
  return { verdict, state, events, last: followed.at(-1), first };
}

function quietLog(note: (event: string) => void) {
  const log = { debug: quiet, info: note, warn: note, error: note, for: () => log };
  return log;
}

const MOVE = {
  isInTheWayOf: () => false,
  giveUp: nothing,
  finish: () => Promise.resolve({ ok: true as const }),
  undo: () => Promise.resolve({ ok: true as const }),
};

test('a defect before anything has changed leaves the names of the old plan, and only those', async (t) => {
  const { verdict, state, last, first } = await scene(t, () => ({ discovered: odd }));
  assert.deepEqual([verdict.ok, state.generation, state.phase], [false, 1, 'running']);
  assert.match(verdict.problem?.what_happened ?? '', /odd/);
  assert.deepEqual(last, [first]);
});

test('a defect after the new plan serves does not make the reload a rejected one', async (t) => {
  const { verdict, state, events } = await scene(t, () => ({ handovers: { settled: odd } }));
  assert.deepEqual([verdict.ok, verdict.problem, verdict.generation, state.refused], [true, null, 2, null]);
  assert.deepEqual(events, ['reload.defect', 'config.reloaded']);
});

test('a reload that a stop has ended is no rejected configuration', async (t) => {
  const { verdict, state, events } = await scene(t, (its) => ({
    admin: {
      move() {
        its.phase = 'draining';
        return Promise.resolve({ ok: false, address: '127.0.0.1:9', code: 'EADDRINUSE' });
      },
    },
  }));
  assert.equal(verdict.ok, false);
  assert.match(verdict.problem?.what_happened ?? '', /stopping|stopped/);
  assert.deepEqual([state.refused, state.phase, events], [null, 'draining', []]);
});

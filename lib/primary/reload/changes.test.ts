// A reload in which every step fails in turn: nothing of it is left, and everything serves as before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import { listenersOf } from '../../../config/listeners.ts';
import type { BoundHandle } from '../../engine/engine.ts';
import type { BindFailure } from '../listen/listeners.ts';
import type { Log } from '../log/log.ts';
import { carryOut } from './change.ts';
import { cannotBind } from './verdict.ts';
import { changesFor, type ChangeParts } from './changes.ts';

function planFor(bindAddress: string) {
  const text = `port: 9\nbind_address: ${bindAddress}\nbackends: [{ host: 127.0.0.1, port: 8 }]\n`;
  return parseConfig(text, '/config.yaml').plan ?? assert.fail();
}

const FROM = { plan: planFor('127.0.0.1'), number: 1 };
const NEXT = planFor('127.0.0.2');
const HANDLE: BoundHandle = { fd: 9, onconnection: null, listen: () => 0, close: () => undefined };

/** `broken`: steps that fail. `own`: steps with a socket of ours in the way. */
function scene(broken: readonly string[], own: readonly string[] = []) {
  const done: string[] = [];
  const fails = (step: string): boolean => {
    done.push(step);
    return broken.includes(step) || own.includes(step);
  };
  const which = (plan: unknown): string => (plan === NEXT ? 'next' : 'previous');
  const failure = (address: string): BindFailure => ({ ok: false, address, code: 'EADDRINUSE' });
  const report = (event: string): void => void done.push(event);
  const log: Log = { debug: report, info: report, warn: report, error: report, for: () => log };
  let bound = 0;
  const parts: ChangeParts = {
    log,
    listening: {
      unused: [],
      abandon: () => undefined,
      own: () => undefined,
      descriptors: () => [],
      addresses: ['127.0.0.1:9'],
      bindFor(plan) {
        const step = `bind ${which(plan)}`;
        const isFirst = bound++ === 0;
        const [listener] = listenersOf(plan);
        assert.ok(listener !== undefined);
        if (fails(step) && (isFirst || broken.includes(step))) return Promise.resolve(failure('127.0.0.2:9'));
        return Promise.resolve({ ok: true, listeners: [{ address: '127.0.0.2:9', handle: HANDLE, plan: listener }] });
      },
      keepOnly: (addresses) => void done.push(`keep ${addresses.join(' ')}`),
      setModes: () => undefined,
      succeed: () => undefined,
      close: () => undefined,
      wantedBy: (plan) => Promise.resolve(listenersOf(plan).map(({ bindAddress, port }) => `${bindAddress}:${port}`)),
      isOwnObstacle: () => Promise.resolve(own.includes('bind next')),
    },
    admin: {
      move: () =>
        Promise.resolve(
          fails('admin move')
            ? failure('127.0.0.1:7')
            : {
                ok: true,
                isInTheWayOf: () => own.includes('admin'),
                giveUp() {
                  done.push('admin gives up');
                  return Promise.resolve();
                },
                finish: () => Promise.resolve(fails('admin finish') ? failure('127.0.0.1:7') : { ok: true }),
                undo: () => Promise.resolve(fails('admin undo') ? failure('127.0.0.1:7') : { ok: true }),
              },
        ),
    },
    watchers: {
      prepare: () => Promise.resolve(fails('watchers ready') ? cannotBind(failure('ask.sock')) : null),
      commit: () => void done.push('watchers appear'),
      obstacles: () => [],
      abandon: () => void done.push('watchers abandoned'),
    },
    generations: { add: () => (done.push('number'), 2) },
    services: { apply: (plan) => void done.push(`apply ${which(plan)}`), settled: () => Promise.resolve() },
    permits: { setPlan: (plan) => void done.push(`limits ${which(plan)}`) },
    statistics: { refresh: () => Promise.resolve(0) },
    fleet: {
      all: () => [],
      roll: ({ number }) =>
        Promise.resolve(
          fails(`roll ${number}`) ? { ok: false, reason: 'no memory', replaced: 0 } : { ok: true, replaced: 2 },
        ),
      standBy: () =>
        Promise.resolve(fails('stand by') ? { ok: false, reason: 'no memory' } : { ok: true, workers: [] }),
      start: ({ number }) =>
        Promise.resolve(fails(`start ${number}`) ? { ok: false, reason: 'no memory' } : { ok: true }),
      retireAll: () => void done.push('retire all'),
    },
    generationOf: (number, { workers, engine }) => ({
      number,
      workers,
      engine,
      listeners: [],
      drainMs: 0,
      reloadDrainMs: 0,
      introduce: () => undefined,
    }),
  };
  const changes = changesFor(FROM, NEXT, parts, ({ number }) => void done.push(`serve ${number}`));
  return { result: carryOut(changes, (name, error) => assert.fail(`${name}: ${String(error)}`)), done };
}

const PREPARED = ['admin move', 'bind next', 'number', 'apply next', 'limits next', 'watchers ready'];
const BACK = ['watchers abandoned', 'apply previous', 'limits previous', 'keep 127.0.0.1:9', 'admin undo'];

test('a reload that goes well', async () => {
  const { result, done } = scene([]);
  assert.equal(await result, null);
  assert.deepEqual(done, [...PREPARED, 'roll 2', 'keep 127.0.0.2:9', 'admin finish', 'watchers appear', 'serve 2']);
});

for (const [broken, expected, what] of [
  ['admin move', ['admin move'], 'cannot listen on 127.0.0.1:7: EADDRINUSE'],
  ['bind next', ['admin move', 'bind next', 'admin undo'], 'cannot listen on 127.0.0.2:9: EADDRINUSE'],
  ['watchers ready', [...PREPARED, ...BACK.slice(1)], 'cannot listen on ask.sock: EADDRINUSE'],
  ['roll 2', [...PREPARED, 'roll 2', ...BACK], 'the workers did not get ready: no memory'],
  [
    'admin finish',
    [
      ...PREPARED,
      'roll 2',
      'keep 127.0.0.2:9',
      'admin finish',
      'watchers abandoned',
      'retire all',
      'keep 127.0.0.1:9',
      'bind previous',
      'start 1',
      ...BACK.slice(1),
    ],
    'cannot listen on 127.0.0.1:7: EADDRINUSE',
  ],
] as const) {
  test(`when '${broken}' fails everything is as before`, async () => {
    const { result, done } = scene([broken]);
    assert.equal((await result)?.what_happened, what);
    assert.deepEqual(done, expected);
  });
}

test('an admin address that is in the way of a listener gives way, and the listener is bound then', async () => {
  const { result, done } = scene([], ['bind next', 'admin']);
  assert.equal(await result, null);
  assert.deepEqual(done.slice(0, 4), ['admin move', 'bind next', 'admin gives up', 'bind next']);
});

test('what cannot be undone is told, and the rest is undone all the same', async () => {
  const { result, done } = scene(['roll 2', 'admin undo']);
  assert.notEqual(await result, null);
  assert.deepEqual(done.slice(-6), [...BACK, 'listener.lost']);
});

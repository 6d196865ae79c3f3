// The one reload that closes before it opens: the order of its steps, also when a step fails.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import { listenersOf } from '../../../config/listeners.ts';
import type { BoundHandle } from '../../engine/engine.ts';
import { processStandIn, type StandIn } from '../../testing/process-stand-in.ts';
import type { BindFailure } from '../listen/listeners.ts';
import type { Log } from '../log/log.ts';
import { serveAgain, rebind, type Numbered, type RebindParts } from './rebind.ts';

function numbered(number: number, bindAddress: string): Numbered {
  const { plan } = parseConfig(
    `port: 9\nbind_address: ${bindAddress}\nbackends: [{ host: 127.0.0.1, port: 8 }]\n`,
    '/config.yaml',
  );
  return { plan: plan ?? assert.fail(), number };
}

const FROM = numbered(1, '127.0.0.1');
const TO = numbered(2, '0.0.0.0');
const HANDLE: BoundHandle = { fd: 9, onconnection: null, listen: () => 0, close: () => undefined };

/** `broken`: the steps that fail, with their generation: `stand by 2`, `bind 2`, `start 1`, …. */
function scene(...broken: readonly string[]) {
  const done: string[] = [];
  function worker(pid: number): StandIn {
    return { ...processStandIn(pid), kill: () => void done.push(`kill ${pid}`) };
  }
  const standing = [worker(21), worker(22)];
  const report = (event: string): void => void done.push(event);
  const log: Log = { debug: report, info: report, warn: report, error: report, for: () => log };
  const fails = (step: string): boolean => {
    done.push(step);
    return broken.includes(step);
  };
  const parts: RebindParts = {
    log,
    generationOf: (number, plan, binding) => ({
      number,
      engine: plan.engine,
      workers: 2,
      drainMs: 0,
      reloadDrainMs: 0,
      listeners: binding.listeners.map(({ address, handle, plan }) => ({
        address,
        handle,
        assignment: { ...plan, id: 0, service: 0, routes: [] },
      })),
      introduce: () => assert.fail('workers ask for it, and there are none'),
    }),
    listening: {
      wantedBy: ({ services }) => Promise.resolve(services.map(({ bindAddress }) => `${bindAddress}:9`)),
      keepOnly: (addresses) => void done.push(`keep ${addresses.join(' ')}`),
      bindFor(plan, patienceMs = 0) {
        assert.ok(patienceMs > 0, 'workers take a moment to close theirs');
        const address = `${plan.services[0]?.bindAddress}:9`;
        const failure: BindFailure = { ok: false, address, code: broken.includes('stop') ? 'ECANCELED' : 'EADDRINUSE' };
        const isBroken = fails(`bind ${plan === TO.plan ? 2 : 1}`);
        const [listener] = listenersOf(plan);
        assert.ok(listener !== undefined);
        return Promise.resolve(
          isBroken ? failure : { ok: true, listeners: [{ address, handle: HANDLE, plan: listener }] },
        );
      },
    },
    fleet: {
      standBy({ number, listeners }) {
        assert.deepEqual(listeners, [], 'nothing is bound for them yet');
        return Promise.resolve(
          fails(`stand by ${number}`) ? { ok: false, reason: 'no memory' } : { ok: true, workers: standing },
        );
      },
      start({ number, listeners }, workers = []) {
        assert.deepEqual(
          listeners.map(({ handle }) => handle),
          [HANDLE],
        );
        assert.deepEqual(workers, number === 2 ? standing : []);
        return Promise.resolve(fails(`start ${number}`) ? { ok: false, reason: 'no memory' } : { ok: true });
      },
      retireAll: () => void done.push('retire all'),
    },
  };
  return { parts, done };
}

const SWITCH = ['stand by 2', 'listener.switch', 'retire all', 'keep 0.0.0.0:9', 'bind 2'];
const BACK = ['retire all', 'keep 127.0.0.1:9', 'bind 1', 'start 1'];

test('new workers stand by before the old ones close, and get the new sockets at once', async () => {
  const { parts, done } = scene();
  assert.equal(await rebind(FROM, TO, parts), null);
  assert.deepEqual(done, [...SWITCH, 'start 2']);
});

test('when the new workers do not come up nothing has happened to the old ones', async () => {
  const { parts, done } = scene('stand by 2');
  assert.equal((await rebind(FROM, TO, parts))?.what_happened, 'the workers did not get ready: no memory');
  assert.deepEqual(done, ['stand by 2']);
});

test('when the new address cannot be bound those that stand by are ended, and the old one is served again', async () => {
  const { parts, done } = scene('bind 2');
  assert.equal((await rebind(FROM, TO, parts))?.what_happened, 'cannot listen on 0.0.0.0:9: EADDRINUSE');
  assert.deepEqual(done, [...SWITCH, 'kill 21', 'kill 22', ...BACK]);
});

test('when the new workers do not start with the new sockets the old address is served again', async () => {
  const { parts, done } = scene('start 2');
  assert.match((await rebind(FROM, TO, parts))?.what_happened ?? '', /did not start with the new address/);
  assert.deepEqual(done, [...SWITCH, 'start 2', ...BACK]);
});

test('when the old address cannot be bound again either, that is told as an error', async () => {
  const { parts, done } = scene('bind 2', 'bind 1');
  assert.equal((await rebind(FROM, TO, parts))?.what_happened, 'cannot listen on 0.0.0.0:9: EADDRINUSE');
  assert.deepEqual(done, [...SWITCH, 'kill 21', 'kill 22', ...BACK.slice(0, 3), 'listener.lost']);
});

test('a stop in the middle closes the old address, too, and it is not lost for that', async () => {
  const { parts, done } = scene('bind 2', 'bind 1', 'stop');
  assert.match((await rebind(FROM, TO, parts))?.what_happened ?? '', /stopp/);
  assert.deepEqual(done, [...SWITCH, 'kill 21', 'kill 22', ...BACK.slice(0, 3)]);
});

test('serveAgain() gives way to new workers of a plan that was served before', async () => {
  const { parts, done } = scene();
  await serveAgain(FROM, parts);
  assert.deepEqual(done, BACK);
});

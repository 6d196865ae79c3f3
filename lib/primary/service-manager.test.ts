// What a service manager is sent, with a fake `send`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deferred } from '../deferred.ts';
import { until } from '../testing/until.ts';
import { createServiceManager } from './service-manager.ts';

function scene(environment: NodeJS.ProcessEnv) {
  const reported: string[] = [];
  let status = 'running:\n  all well';
  const manager = createServiceManager({
    environment,
    status: () => status,
    send: (path, text) => void reported.push(`${path} ${text}`),
  });
  return { reported, manager, say: (text: string) => (status = text) };
}

test('it hears of ready, reload, stop and the next process', async (t) => {
  const { reported, manager } = scene({ NOTIFY_SOCKET: '@manager' });
  t.after(() => manager.close());
  assert.ok(manager.isThere);
  manager.ready();
  assert.equal(await manager.during(() => Promise.resolve(7)), 7);
  manager.follow(12);
  manager.stopping();
  manager.close();
  manager.ready();
  assert.deepEqual(
    reported.map((line) => line.replace(/USEC=\d+/, 'USEC=N')),
    [
      `@manager READY=1\nMAINPID=${process.pid}`,
      '@manager STATUS=running: all well',
      '@manager RELOADING=1\nMONOTONIC_USEC=N',
      '@manager READY=1',
      '@manager MAINPID=12',
      '@manager STOPPING=1',
    ],
  );
});

test('a reload is over when the last of those that overlap is, also one that fails, and none is one before or after it serves', async (t) => {
  const { reported, manager, say } = scene({ NOTIFY_SOCKET: '@m' });
  t.after(() => manager.close());
  const received = (): string[] => reported.splice(0).map((line) => line.slice(3).split('\n')[0] ?? '');
  await manager.during(() => Promise.resolve());
  assert.deepEqual(received(), [], 'READY=1 would be that it serves');
  manager.ready();
  received();
  const [first, second] = [deferred<void>(), deferred<void>()];
  const one = manager.during(() => first.promise);
  const two = manager.during(() => second.promise);
  first.resolve();
  await one;
  assert.deepEqual(received(), ['RELOADING=1', 'RELOADING=1']);
  say('refused');
  second.resolve();
  await two;
  assert.deepEqual(received(), ['READY=1', 'STATUS=refused']);
  await assert.rejects(manager.during(() => Promise.reject(new Error('defect'))));
  assert.deepEqual(received(), ['RELOADING=1', 'READY=1']);
  manager.stopping();
  await manager.during(() => Promise.resolve());
  assert.deepEqual(received(), ['STOPPING=1']);
});

test('the watchdog hears twice as often as it asks, and only of the process that it is about', async (t) => {
  const own = scene({ NOTIFY_SOCKET: '/m', WATCHDOG_USEC: '20000', WATCHDOG_PID: String(process.pid) });
  const other = scene({ NOTIFY_SOCKET: '/m', WATCHDOG_USEC: '20000', WATCHDOG_PID: String(process.pid + 1) });
  const odd = scene({ NOTIFY_SOCKET: '/m', WATCHDOG_USEC: 'soon' });
  t.after(() => [own, other, odd].forEach(({ manager }) => manager.close()));
  await until('it has heard', () => own.reported.length > 2);
  assert.deepEqual(new Set(own.reported), new Set(['/m WATCHDOG=1']));
  assert.deepEqual([other.reported, odd.reported], [[], []]);
});

test('without a socket nobody is told, and one that fails harms nothing', () => {
  const nobody = scene({});
  nobody.manager.ready();
  assert.deepEqual([nobody.manager.isThere, nobody.reported], [false, []]);
  const broken = createServiceManager({
    environment: { NOTIFY_SOCKET: '/gone' },
    status: () => '',
    send: () => {
      throw new Error('ECONNREFUSED');
    },
  });
  broken.ready();
  broken.close();
});

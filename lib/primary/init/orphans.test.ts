import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { loadAddon } from '../../engine/addon.ts';
import { until } from '../../testing/until.ts';
import { LOOK_MS, reapOrphans, zombiesOf } from './orphans.ts';

const addon = loadAddon();

test('what is a zombie for two looks is reaped, and what was gone or another process meanwhile is not', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const pass = async (looks: number): Promise<void> => {
    for (let look = 0; look < looks; look++) {
      t.mock.timers.tick(LOOK_MS);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  let there = new Map([
    [7, 'a'],
    [8, 'b'],
    [9, 'c'],
  ]);
  const reaped: number[] = [];
  let isShort = false;
  const zombies = () => (isShort ? assert.fail('no descriptor is left') : there);
  const orphans = reapOrphans({ zombies, reap: (pid) => reaped.push(pid) });
  await pass(1);
  assert.deepEqual(reaped, []);
  // Node has reaped 8, and its pid was reused.
  there = new Map([
    [7, 'a'],
    [8, 'later'],
  ]);
  await pass(1);
  assert.deepEqual(reaped, [7]);
  there = new Map([[8, 'later']]);
  await pass(1);
  assert.deepEqual(reaped, [7, 8]);
  there = new Map([[10, 'd']]);
  await pass(10);
  assert.deepEqual(reaped, [7, 8], 'nobody looks while no child has ended');
  process.emit('SIGCHLD', 'SIGCHLD');
  await pass(1);
  isShort = true;
  await pass(3);
  assert.deepEqual(reaped, [7, 8], 'what cannot be seen now is looked at later');
  isShort = false;
  await pass(1);
  assert.deepEqual(reaped, [7, 8, 10]);
  orphans.close();
  process.emit('SIGCHLD', 'SIGCHLD');
  await pass(10);
  assert.deepEqual(reaped, [7, 8, 10]);
});

const skip = addon.ok ? false : addon.reason;
test("the exit code of Node's own children is never taken from it", { skip }, async () => {
  assert.ok(addon.ok);
  const taken: number[] = [];
  const orphans = reapOrphans({
    zombies: () => zombiesOf(process.pid),
    reap: (pid) => void (addon.addon.reap(pid) && taken.push(pid)),
  });
  for (let round = 0; round < 10; round++) {
    const children = Array.from({ length: 5 }, (_, code) => spawn('sh', ['-c', `exit ${code}`]));
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number));
    assert.deepEqual(codes, [0, 1, 2, 3, 4]);
    // Block the loop for longer than LOOK_MS: a child that ends during that time stays a zombie throughout.
    const slow = spawn('sh', ['-c', 'exit 9']);
    const code = once(slow, 'exit');
    if (round < 2) assert.equal(spawnSync('sleep', [String((LOOK_MS + 100) / 1000)]).status, 0);
    assert.deepEqual(await code, [9, null]);
  }
  orphans.close();
  assert.deepEqual(taken, []);
});

test('a child that nobody minds is reaped, and nobody else is', { skip }, async () => {
  assert.ok(addon.ok);
  assert.throws(() => addon.ok && addon.addon.reap(0));
  assert.throws(() => addon.ok && addon.addon.reap(-1));
  assert.equal(addon.addon.reap(process.ppid), false);
  const child = spawn('sh', ['-c', 'exit 3'], { stdio: 'ignore' });
  const { pid = 0 } = child;
  // Without its handle Node does not reap this child.
  const handle: unknown = Reflect.get(child, '_handle');
  assert.ok(typeof handle === 'object' && handle !== null);
  const close: unknown = Reflect.get(handle, 'close');
  assert.ok(typeof close === 'function');
  Reflect.apply(close, handle, []);
  await until('it is a zombie', () => zombiesOf(process.pid).has(pid));
  const { addon: its } = addon;
  const orphans = reapOrphans({ zombies: () => zombiesOf(process.pid), reap: (one) => void its.reap(one) });
  await until('it is reaped', () => !zombiesOf(process.pid).has(pid));
  orphans.close();
});

test('the addon ends a process at once, with the code that it is given', { skip }, () => {
  const script = `const { loadAddon } = await import(${JSON.stringify(new URL('../../engine/addon.js', import.meta.url))});
    process.on('exit', () => console.log('not at once'));
    loadAddon().addon.leave(7);`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.deepEqual([status, stdout], [7, '']);
});

import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { capturedIo } from '../testing/captured-io.ts';
import { fakeInOwnHome, ownHome } from '../testing/own-home.ts';
import { home } from '../paths.ts';
import { lookUp } from '../process.ts';
import { run } from './program.ts';

test('stop waits until the process is gone, and says how many connections were cut', async (t) => {
  const { pid } = await fakeInOwnHome(t, 'normal');
  const io = capturedIo();
  assert.equal(await run(['stop'], io), 0);
  assert.equal(lookUp(pid).state, 'gone');
  assert.deepEqual(io.stdout, [
    'waiting for 2 connections to finish',
    'waiting for 1 connection to finish',
    `bal (PID ${pid}) is stopped; 1 connection was cut`,
  ]);
  assert.deepEqual(io.stderr, []);
});

test('on a terminal the remaining connections are counted down in place', async (t) => {
  const { pid } = await fakeInOwnHome(t, 'normal');
  const io = capturedIo(true);
  assert.equal(await run(['stop', '--timeout', '3'], io), 0);
  assert.deepEqual(io.drawn, ['waiting for 2 connections to finish', 'waiting for 1 connection to finish']);
  assert.deepEqual(io.stdout, [`bal (PID ${pid}) is stopped; 1 connection was cut`]);
});

test('a second stop with --now ends a stop that drains', async (t) => {
  const fake = await fakeInOwnHome(t, 'drains');
  const [patient, hasty] = [capturedIo(), capturedIo()];
  const first = run(['stop'], patient);
  while (patient.stdout.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await run(['stop', '--now'], hasty), 0);
  assert.equal(await first, 0);
  assert.equal(await fake.ended, null);
  assert.deepEqual(
    patient.stdout.at(-1),
    `bal (PID ${fake.pid}) is stopped; how many connections were cut is not known`,
  );
});

test('not running: exit 3 and the diagnosis', async (t) => {
  ownHome(t);
  const io = capturedIo();
  assert.equal(await run(['stop'], io), 3);
  assert.match(io.stderr[0] ?? '', /^  what_happened: bal is not running$/);
  assert.equal(io.stderr.length, 3);
  assert.deepEqual(io.stdout, []);
});

test('a PID file that names somebody else signals nobody', async (t) => {
  const dir = ownHome(t);
  const victim = await fakeInOwnHome(t, 'hangs');
  process.env['BAL_HOME'] = dir;
  for (const text of [`${victim.pid}\n1\n`, `${victim.pid}\n`, '-1\n1\n', '0\n1\n', `${process.pid}\n1\n`]) {
    writeFileSync(join(dir, 'bal.pid'), text);
    assert.equal(await run(['stop', '--now'], capturedIo()), 3, text);
  }
  assert.equal(lookUp(victim.pid).state, 'alive');
});

test('a primary that breaks off in the middle is stopped all the same', async (t) => {
  const { pid } = await fakeInOwnHome(t, 'breaks off');
  const io = capturedIo();
  assert.equal(await run(['stop'], io), 0);
  assert.equal(io.stdout.at(-1), `bal (PID ${pid}) is stopped; how many connections were cut is not known`);
});

test('a primary without a PID file is stopped through its socket', async (t) => {
  const { pid } = await fakeInOwnHome(t, 'nameless');
  const io = capturedIo();
  assert.equal(await run(['stop'], io), 0);
  assert.equal(io.stdout.at(-1), `bal (PID ${pid}) is stopped; 1 connection was cut`);
});

test('a primary whose socket is gone gets SIGTERM, and the operator is told', async (t) => {
  const { pid } = await fakeInOwnHome(t, 'normal');
  rmSync(home().socket);
  const io = capturedIo();
  assert.equal(await run(['stop'], io), 0);
  assert.deepEqual(io.stderr, [`the control socket does not answer; sending SIGTERM to PID ${pid}`]);
  assert.equal(lookUp(pid).state, 'gone');
});

for (const [behaviour, options, signal] of [
  ['hangs', [], null],
  ['stubborn', ['--now'], null],
  ['immortal', ['--now'], 'SIGKILL'],
] as const) {
  test(
    `a hung primary that is ${behaviour} is ended by bal stop ${options.join(' ')}`,
    { timeout: 30_000 },
    async (t) => {
      const fake = await fakeInOwnHome(t, behaviour);
      const io = capturedIo();
      assert.equal(await run(['stop', ...options], io), 0);
      assert.equal(await fake.ended, signal);
      assert.equal(io.stderr[0], `the control socket does not answer; sending SIGTERM to PID ${fake.pid}`);
      const killed = signal === null ? undefined : `PID ${fake.pid} does not end; sending SIGKILL`;
      assert.equal(io.stderr[1]?.startsWith(killed ?? ''), killed === undefined ? undefined : true);
    },
  );
}

test('a primary that says goodbye and stays is killed, and the operator is told', { timeout: 30_000 }, async (t) => {
  const fake = await fakeInOwnHome(t, 'lingers');
  const io = capturedIo();
  assert.equal(await run(['stop'], io), 0);
  assert.equal(await fake.ended, 'SIGKILL');
  assert.deepEqual(io.stderr, [`PID ${fake.pid} has finished its work and does not end; sending SIGKILL`]);
  assert.ok(existsSync(home().pidFile), 'what it leaves behind is for the next start');
});

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fromMachine, toMachine } from './machine-clock.ts';

/** Readings are exact to within microseconds. */
const PRECISION_MS = 0.1;

test('processes that began at different times read the same clock', async () => {
  await pause(50);
  const module = new URL('./machine-clock.js', import.meta.url).href;
  const program = `import(${JSON.stringify(module)}).then(({ toMachine }) => {
    process.on('message', () => process.send(toMachine(performance.now())));
    process.send('ready');
  });`;
  const child = fork('-e', [program], { execArgv: [], stdio: 'inherit' });
  try {
    await once(child, 'message');
    for (let i = 0; i < 20; i++) {
      const before = toMachine(performance.now());
      child.send('when is it?');
      const [there] = await once(child, 'message');
      const after = toMachine(performance.now());
      assert.ok(typeof there === 'number');
      assert.ok(there > before - PRECISION_MS && there < after + PRECISION_MS, `${before} ${there} ${after}`);
    }
  } finally {
    child.kill('SIGKILL');
  }
});

test('there and back again', () => {
  const now = performance.now();
  assert.ok(Math.abs(fromMachine(toMachine(now)) - now) < PRECISION_MS);
});

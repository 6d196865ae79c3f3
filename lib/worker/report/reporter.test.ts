import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { toMachine } from '../../machine-clock.ts';
import { createReporter } from './reporter.ts';

/** Collects the messages to the primary. */
function channel(t: TestContext): unknown[] {
  const sent: unknown[] = [];
  const before = Object.getOwnPropertyDescriptors(process);
  Object.defineProperty(process, 'connected', { value: true, configurable: true });
  Object.defineProperty(process, 'send', { value: (message: unknown) => sent.push(message), configurable: true });
  t.after(() => {
    for (const key of ['connected', 'send'] as const) {
      const descriptor = before[key];
      if (descriptor === undefined) Reflect.deleteProperty(process, key);
      else Object.defineProperty(process, key, descriptor);
    }
  });
  return sent;
}

test('failed connects go out at once, then together, with the time when the latest of them began', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const sent = channel(t);
  const reporter = createReporter();
  for (const began of [100, 103, 101]) reporter.connectFailed(4, 'refused', began);
  t.mock.timers.tick(50);
  const reported = (count: number, began: number) => ({
    kind: 'connect_failed',
    endpoint: 4,
    cause: 'refused',
    count,
    began: toMachine(began),
  });
  assert.deepEqual(sent, [reported(1, 100), reported(2, 103)]);
  reporter.close();
});

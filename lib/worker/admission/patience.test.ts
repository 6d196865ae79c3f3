import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { createPatience } from './patience.ts';

function scene(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const over: [number, number][] = [];
  const patience = createPatience((connection) => {
    over.push([connection, now]);
    patience.end(connection);
  });
  const pass = (ms: number): void => {
    for (let i = 0; i < ms; i++) {
      now++;
      t.mock.timers.tick(1);
    }
  };
  return { patience, over, pass };
}

test('each is let go when its own time is over, whoever came before it', (t) => {
  const { patience, over, pass } = scene(t);
  patience.begin(1, 3000);
  patience.begin(2, 300);
  pass(100);
  patience.begin(3, 305);
  pass(3000);
  assert.deepEqual(
    over.map(([connection]) => connection),
    [2, 3, 1],
  );
  for (const [connection, at] of over) {
    const late = at - ([0, 3000, 300, 305][connection] ?? 0);
    assert.ok(late >= 0 && late <= 20, `${connection} is ${late} ms late`);
  }
});

test('who waits no longer is not let go, and nobody is after the end', (t) => {
  const { patience, over, pass } = scene(t);
  patience.begin(1, 100);
  patience.begin(2, 100);
  assert.deepEqual([patience.end(1), patience.end(1), patience.has(1), patience.has(2)], [true, false, false, true]);
  pass(150);
  assert.deepEqual(over, [[2, 100]]);
  patience.begin(3, 200);
  patience.close();
  pass(200);
  assert.equal(over.length, 1);
});

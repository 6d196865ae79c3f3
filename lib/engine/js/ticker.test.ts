import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../testing/engine/wait.ts';
import { Ticker } from './ticker.ts';

test('a ticker stops when its step has nothing more to do, and starts again', async () => {
  let left = 3;
  let steps = 0;
  const ticker = new Ticker(5, () => {
    steps++;
    return --left > 0;
  });
  ticker.start();
  ticker.start();
  await until(() => steps === 3, 'three steps');
  left = 1;
  ticker.start();
  await until(() => steps === 4, 'one more');
  ticker.stop();
});

test('a ticker says that it is late when the process was held up, but not twice in a row', async () => {
  const holdUp = (): void => {
    for (const end = performance.now() + 100; performance.now() < end;);
  };
  const punctual: boolean[] = [];
  const ticker = new Ticker(20, (_, inTime) => {
    punctual.push(inTime);
    holdUp();
    return punctual.length < 4;
  });
  ticker.start();
  holdUp();
  await until(() => punctual.length === 4, 'four steps');
  assert.deepEqual(punctual, [false, true, false, true]);
});

test('a running ticker takes a shorter period at once', async () => {
  let steps = 0;
  const ticker = new Ticker(60_000, () => ++steps < 2);
  ticker.start();
  ticker.shorten(5);
  ticker.shorten(60_000);
  await until(() => steps === 2, 'two steps');
});

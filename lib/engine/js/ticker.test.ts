import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../contract/wait.ts';
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

test('a ticker says that it is late when the process was held up', async () => {
  const punctual: boolean[] = [];
  const ticker = new Ticker(20, (_, inTime) => {
    punctual.push(inTime);
    return punctual.length < 2;
  });
  ticker.start();
  for (const end = performance.now() + 100; performance.now() < end;);
  await until(() => punctual.length === 2, 'two steps');
  assert.equal(punctual[0], false);
});

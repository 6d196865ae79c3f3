import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soon } from './soon.ts';

test('whoever asks within the time of another is served together with it', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let calls = 0;
  const calling = soon(() => calls++);
  calling.within(50);
  calling.within(50);
  calling.within(60);
  t.mock.timers.tick(50);
  assert.equal(calls, 1);
  t.mock.timers.tick(1000);
  assert.equal(calls, 1);
});

test('the most impatient decides, and the others need not be served again', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let calls = 0;
  const calling = soon(() => calls++);
  calling.within(50);
  calling.within(5);
  t.mock.timers.tick(5);
  assert.equal(calls, 1);
  t.mock.timers.tick(1000);
  assert.equal(calls, 1);
  calling.within(50);
  t.mock.timers.tick(50);
  assert.equal(calls, 2, 'who asks afterwards is served anew');
});

test('after cancel() nothing comes', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const calling = soon(() => assert.fail('called'));
  calling.within(5);
  calling.cancel();
  t.mock.timers.tick(1000);
});

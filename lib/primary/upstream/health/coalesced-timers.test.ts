import assert from 'node:assert/strict';
import { mock, test, type TestContext } from 'node:test';
import { createCoalescedTimers } from './coalesced-timers.ts';

/** Timers on a clock that stands still until moved; `draws` are used in order. */
function scene(t: TestContext, ...draws: number[]) {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 0 });
  t.after(() => mock.timers.reset());
  const called: string[] = [];
  const timers = createCoalescedTimers(
    () => Date.now(),
    () => draws.shift() ?? 0,
  );
  return {
    called,
    at: (time: number, name: string) => timers.at(time, () => called.push(`${name} at ${Date.now()}`)),
    timers,
    pass: (ms: number) => {
      for (let i = 0; i < ms; i++) mock.timers.tick(1);
    },
  };
}

test('what is near each other is called together, before or after its time as chance has it', (t) => {
  const { at, pass, called } = scene(t, 0.1, 0.5, 0.99, 0);
  at(110, 'a');
  at(115, 'b');
  at(104, 'c');
  at(260, 'd');
  pass(300);
  assert.deepEqual(called, ['a at 100', 'b at 125', 'c at 125', 'd at 250']);
});

test('what is due is called at once, and what is cancelled is not', (t) => {
  const { at, pass, called, timers } = scene(t);
  pass(100);
  at(100, 'now');
  const late = at(60, 'late');
  late.cancel();
  const gone = at(200, 'gone');
  gone.cancel();
  gone.cancel();
  const first = timers.at(300, () => {
    called.push('first');
    second.cancel();
  });
  const second = at(300, 'second');
  pass(1);
  assert.deepEqual(called, ['now at 101']);
  pass(400);
  assert.deepEqual(called, ['now at 101', 'first']);
  first.cancel();
});

test('a timer that is set in a call expires, also one that is earlier than the others', (t) => {
  const { at, pass, called, timers } = scene(t);
  at(1000, 'far');
  timers.at(100, () => at(150, 'near'));
  pass(1000);
  assert.deepEqual(called, ['near at 150', 'far at 1000']);
});

test('short intervals keep their length', (t) => {
  const { pass, called, timers } = scene(t);
  const again = (interval: number): unknown =>
    timers.at(Date.now() + interval, () => {
      called.push(`${interval} at ${Date.now()}`);
      again(interval);
    });
  again(10);
  again(40);
  pass(81);
  assert.deepEqual(
    called.filter((it) => it.startsWith('10 ')),
    [10, 20, 30, 40, 50, 60, 70, 80].map((time) => `10 at ${time}`),
  );
  assert.deepEqual(
    called.filter((it) => it.startsWith('40 ')),
    [40, 80].map((time) => `40 at ${time}`),
  );
});

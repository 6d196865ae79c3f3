// performance.now() in the hands of a test. Not by node:test's mocks: they keep every call with its stack, and a model
// makes millions.
import type { TestContext } from 'node:test';

const owners = new WeakSet<TestContext>();

/** From now to the end of the test performance.now() is what `now` says; the last call for a test counts. */
export function monotonicClock(t: TestContext, now: () => number): void {
  if (!owners.has(t)) {
    owners.add(t);
    // Its own is the prototype's.
    t.after(() => Reflect.deleteProperty(performance, 'now'));
  }
  Object.defineProperty(performance, 'now', { value: now, configurable: true });
}

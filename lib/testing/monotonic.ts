// Lets a test control performance.now(). node:test's mocks do not fit: they keep every call with its stack, and a model
// makes millions.
import type { TestContext } from 'node:test';

const owners = new WeakSet<TestContext>();

/** Makes performance.now() return `now()` until the test ends. The last call for a test counts. */
export function monotonicClock(t: TestContext, now: () => number): void {
  if (!owners.has(t)) {
    owners.add(t);
    // The original is on the prototype.
    t.after(() => Reflect.deleteProperty(performance, 'now'));
  }
  Object.defineProperty(performance, 'now', { value: now, configurable: true });
}

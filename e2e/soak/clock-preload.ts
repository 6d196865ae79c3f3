// Preloaded into every process of a bal by clock-step.test.ts: on SIGWINCH the wall clock jumps, in turn an hour forward and
// two back, as when somebody sets it. The monotonic clock is unaffected.
const HOUR_MS = 3_600_000;
const JUMPS = [HOUR_MS, -2 * HOUR_MS, 2 * HOUR_MS, -HOUR_MS];

let offset = 0;
let jumps = 0;
const Real = Date;

const now = (): number => Real.now() + offset;

globalThis.Date = new Proxy(Real, {
  construct: (target, args, newTarget) => {
    const made: Date = Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget);
    return made;
  },
  apply: () => new Real(now()).toString(),
  get: (target, key): unknown => (key === 'now' ? now : Reflect.get(target, key)),
});

process.on('SIGWINCH', () => {
  offset += JUMPS[jumps++ % JUMPS.length] ?? 0;
});

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import * as fc from 'fast-check';

import type { ToPrimary } from '../../ipc/messages.ts';
import { createReports } from './reports.ts';

interface Rig {
  /** The services' values. */
  readonly values: Float64Array;
  readonly endpoints: Float64Array;
  /** Endpoints that nothing uses any more. */
  unused: number[];
  readonly forgotten: number[];
  readonly short: Record<string, number>;
  readonly reached: number[];
  takes: boolean;
  /** What has arrived, added up as the primary does. */
  readonly arrived: Map<number, number>;
  readonly arrivedShort: Map<string, number>;
  readonly sent: ToPrimary[];
  report(): void;
}

/** Reports over a channel that can refuse them. */
function rig(length: number): Rig {
  const values = new Float64Array(length);
  const endpoints = new Float64Array(length);
  const forgotten: number[] = [];
  const short: Record<string, number> = {};
  const arrived = new Map<number, number>();
  const arrivedShort = new Map<string, number>();
  const sent: ToPrimary[] = [];
  const reached: number[] = [];
  const take = (message: ToPrimary): boolean => {
    if (!it.takes || message.kind !== 'counters') return false;
    sent.push(message);
    const { services } = message;
    for (let i = 0; i < services.length; i += 2) arrived.set(services[i] ?? -1, services[i + 1] ?? NaN);
    for (const [what, count] of Object.entries(message.short))
      arrivedShort.set(what, (arrivedShort.get(what) ?? 0) + count);
    return true;
  };
  const reports = createReports(
    {
      values: () => ({ services: values, endpoints }),
      short: () => ({ ...short }),
      evidence: {
        reached: () => [...reached],
        reported: () => {
          reached.length = 0;
        },
      },
      unused: () => it.unused,
      forget(ids) {
        forgotten.push(...ids);
        it.unused = [];
        endpoints.fill(0);
      },
    },
    { send: take, trySend: take },
  );
  const it: Rig = {
    values,
    endpoints,
    unused: [],
    forgotten,
    short,
    reached,
    takes: true,
    arrived,
    arrivedShort,
    sent,
    report: () => reports.answer(1),
  };
  return it;
}

test('a report says what has changed since the last one, and nothing of what has not', () => {
  const it = rig(1000);
  it.report();
  it.values[3] = 5;
  it.values[999] = 1;
  it.short['connect EADDRNOTAVAIL'] = 2;
  it.report();
  it.values[3] = 6;
  it.short['connect EADDRNOTAVAIL'] = 3;
  it.report();
  it.report();
  const reported = it.sent.map((message) => (message.kind === 'counters' ? [message.services, message.short] : null));
  assert.deepEqual(reported, [
    [[], {}],
    [[3, 5, 999, 1], { 'connect EADDRNOTAVAIL': 2 }],
    [[3, 6], { 'connect EADDRNOTAVAIL': 1 }],
    [[], {}],
  ]);
});

test('whatever reports are lost, the next one that arrives makes up for them', () => {
  const step = fc.record({ at: fc.nat(5), grows: fc.nat(3), falls: fc.boolean(), takes: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const it = rig(6);
      for (const { at, grows, falls, takes } of steps) {
        it.values[at] = falls ? 0 : (it.values[at] ?? 0) + grows;
        it.short['accept EMFILE'] = (it.short['accept EMFILE'] ?? 0) + grows;
        it.takes = takes;
        it.report();
        if (!takes) continue;
        assert.deepEqual(
          Array.from(it.values, (_, i) => it.arrived.get(i) ?? 0),
          [...it.values],
        );
        assert.equal(it.arrivedShort.get('accept EMFILE') ?? 0, it.short['accept EMFILE']);
      }
    }),
  );
});

test('which endpoints were reached is told again if the report was lost', () => {
  const it = rig(1);
  it.reached.push(3, 500);
  it.takes = false;
  it.report();
  it.takes = true;
  it.report();
  it.report();
  assert.deepEqual(
    it.sent.map((message) => (message.kind === 'counters' ? message.reached : null)),
    [[3, 500], []],
  );
});

test('the last values of an endpoint are told with its retirement, once, and then it begins at zero', () => {
  const it = rig(4);
  it.endpoints[2] = 5;
  it.report();
  it.endpoints[2] = 6;
  it.unused = [0];
  it.takes = false;
  it.report();
  assert.deepEqual(it.forgotten, [], 'nobody has heard of it yet');
  it.takes = true;
  it.report();
  it.report();
  it.endpoints[2] = 1;
  it.report();
  const reported = it.sent.map((message) =>
    message.kind === 'counters' ? [message.endpoints, message.retired] : null,
  );
  assert.deepEqual(reported, [
    [[2, 5], []],
    [[2, 6], [0]],
    [[], []],
    [[2, 1], []],
  ]);
  assert.deepEqual(it.forgotten, [0]);
});

test('what must not be lost goes over the channel that loses nothing', () => {
  const sent: string[] = [];
  let retired: number[] = [];
  const values = { services: new Float64Array(), endpoints: new Float64Array() };
  const reports = createReports(
    {
      values: () => values,
      short: () => ({}),
      evidence: { reached: () => [], reported: () => undefined },
      unused: () => retired,
      forget: () => {
        retired = [];
      },
    },
    { send: () => sent.push('send') > 0, trySend: () => sent.push('trySend') > 0 },
  );
  mock.timers.enable({ apis: ['setInterval'] });
  reports.begin(false);
  mock.timers.tick(500);
  retired = [3];
  mock.timers.tick(500);
  mock.timers.tick(500);
  mock.timers.reset();
  assert.deepEqual(sent, ['trySend', 'send', 'trySend']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { observe } from '../control/rates.ts';
import { serviceWith, statusWith } from '../testing/statuses.ts';
import { moment } from './clock.ts';
import { statesSince } from './columns.ts';
import { figuresOf, instanceName, oddities, rateText, refusedText } from './figures.ts';

const NONE = {
  active_connections: 0,
  connections_total: 0,
  bytes_in: 0,
  bytes_out: 0,
  rejected_total: 0,
  failed_total: 0,
  workers_respawned_total: 0,
  reloads_total: 0,
  log_lines_dropped_total: 0,
};

test('refused are clients of rules and limits and those without a backend, in total and per second', () => {
  const services = [serviceWith('web', ['up'])];
  const before = observe(null, statusWith(services, { totals: NONE }), 0);
  const totals = { ...NONE, connections_total: 4, rejected_total: 3, failed_total: 1 };
  const now = observe(before, statusWith(services, { totals }), 1000);
  assert.deepEqual([now.total.connections, now.total.refused], [7, 4]);
  const refused = figuresOf(now).find(({ name }) => name === 'refused');
  assert.deepEqual(refused, {
    name: 'refused',
    value: '4',
    tone: 'odd',
    detail: '3 by rules and limits, 1 without a backend',
  });
  assert.equal(refusedText(before.status), null);
  const ends = { bad_proxy_header: 2, connect_failed: 1, client_closed: 9 };
  const told = observe(now, statusWith([{ ...serviceWith('web', ['up']), ends }], { totals }), 2000);
  assert.equal(told.total.refused, 2);
  assert.equal(refusedText(told.status), '3 by rules and limits, 2 by their first bytes, 1 without a backend');
});

test('the figure of the backends is red only when none is up, that of connections amber near the limit', () => {
  const tones = (states: readonly ('up' | 'down')[], open: number): (string | undefined)[] => {
    const totals = { ...NONE, active_connections: open };
    const figures = figuresOf(
      observe(null, statusWith([serviceWith('a', states)], { totals, max_connections: 100 }), 0),
    );
    return ['backends up', 'open'].map((wanted) => figures.find(({ name }) => name === wanted)?.tone);
  };
  assert.deepEqual(tones(['up', 'up'], 5), ['good', 'good']);
  assert.deepEqual(tones(['up', 'down'], 89), ['odd', 'good']);
  assert.deepEqual(tones(['down'], 90), ['bad', 'odd']);
  assert.deepEqual(tones([], 0), ['bad', 'good'], 'a name that gave no address');
});

test('the name tells instances of one machine apart, where their homes are not the usual one', () => {
  assert.equal(instanceName({ host: 'lb-1', home: '/home/me/.bal' }), 'lb-1');
  assert.equal(instanceName({ host: 'lb-1', home: '/var/lib/bal' }), 'lb-1');
  assert.equal(instanceName({ host: 'lb-1', home: '/var/lib/bal/edge/' }), 'lb-1/edge');
  assert.equal(instanceName({}), '', 'a bal of another version does not say');
});

test('what is out of the ordinary is told, and nothing else', () => {
  assert.deepEqual(oddities(statusWith([], { totals: NONE })), []);
  const problem = { what_happened: 'a', why_likely: 'b', do_this_now: 'c' };
  const refused_reload = { since: '2026-01-01T00:00:00.000Z', problem, errors: [] };
  assert.match(
    oddities(statusWith([], { refused_reload })).join(''),
    /^the reload at \S+ \S+ [+-]\d\d:\d\d was rejected/,
  );
  const totals = { ...NONE, workers_respawned_total: 1, log_lines_dropped_total: 2 };
  assert.deepEqual(oddities(statusWith([], { totals })), ['1 worker replaced after its death', '2 log lines dropped']);
});

test('a rate has one digit below a hundred', () => {
  assert.deepEqual([0, 0.54, 12.34, 99.96, 1234.5].map(rateText), ['0', '0.5', '12.3', '100', '1235']);
});

test('a moment has its zone, and its date when it is not of today', () => {
  const now = Date.UTC(2026, 2, 1, 12);
  assert.match(moment(now - 1000, now), /^\d\d:\d\d:\d\d [+-]\d\d:\d\d$/);
  assert.match(moment(now - 3 * 86_400_000, now), /^2026-02-2\d \d\d:\d\d:\d\d [+-]\d\d:\d\d$/);
});

test('since when a backend is in its state is what its last transition says', () => {
  const event = (seq: number, name: string, fields: Readonly<Record<string, unknown>>) => ({
    seq,
    timestamp: new Date(seq * 1000).toISOString(),
    level: 'INFO' as const,
    module: 'health',
    event: name,
    message: name,
    fields,
  });
  const fields = { service: 'web', backend: '10.0.0.1:80' };
  const since = statesSince([
    event(1, 'backend.up', fields),
    event(2, 'backend.down', fields),
    event(3, 'backend.up', { ...fields, service: 'other' }),
    event(4, 'worker.ready', {}),
  ]);
  assert.equal(since.get('web 10.0.0.1:80'), 2000);
  assert.equal(since.get('web 10.0.0.2:80'), undefined);
});

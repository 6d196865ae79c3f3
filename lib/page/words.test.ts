import assert from 'node:assert/strict';
import { test } from 'node:test';

import { serviceWith, statusWith } from '../testing/statuses.ts';
import { linkWords, spanText, titleOf, unreadyText } from './words.ts';

const MINUTE = 60_000;

test('a page that is paused does not say that it is live, and a lost connection is told in any case', () => {
  assert.deepEqual(linkWords({ kind: 'connected' }, null, 0), { text: 'Live', tone: 'good' });
  assert.match(
    linkWords({ kind: 'connected' }, 0, MINUTE).text,
    /^Paused at \d\d:\d\d:\d\d [+-]\d\d:\d\d; bal goes on$/,
  );
  const lost = linkWords({ kind: 'lost', since: 0 }, 0, MINUTE);
  assert.match(lost.text, /^Not connected since /);
  assert.equal(lost.tone, 'bad');
});

test('the title tells one instance from another, and says what is wrong first', () => {
  const link = { kind: 'connected' } as const;
  assert.equal(titleOf(null, link), 'bal');
  assert.equal(titleOf(statusWith([serviceWith('web', ['up'])]), link), 'here - bal');
  const half = statusWith([serviceWith('web', ['up', 'down'])]);
  assert.equal(titleOf(half, link), 'degraded, 1 of 2 up: here - bal');
  assert.equal(
    titleOf({ ...half, home: '/run/bal/edge' }, { kind: 'lost', since: 0 }),
    'not connected: here/edge - bal',
  );
});

test('the charts say how far back they reach', () => {
  assert.equal(spanText({ at: [] }, 300), '');
  assert.equal(spanText({ at: [10, 58] }, 300), 'The last 48 s, as far back as this page has seen');
  assert.equal(spanText({ at: [0, 299] }, 300), 'The last 4 min 59 s');
});

test('why a balancer in front sends nobody is told while it is so', () => {
  assert.equal(unreadyText({ ready: true, reasons: [] }), null);
  assert.match(unreadyText({ ready: false, reasons: ['a', 'b'] }) ?? '', /^Not ready, so \/readyz answers 503: a; b$/);
});

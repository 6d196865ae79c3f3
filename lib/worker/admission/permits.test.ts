import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ToPrimary } from '../../ipc/messages.ts';
import {
  admit,
  ASK_MS,
  drainPermits,
  expire,
  gaveUp,
  granted,
  movedAway,
  openPermits,
  recalled,
  REFUSE_MS,
  release,
  type Permits,
} from './permits.ts';

/** A pool, and what it has sent since the last call: `?3` asks for three, `-2` gives two back, `-0r` answers a recall. */
function open(maxWaiting?: number, queues = false): { permits: Permits; sent: () => string[] } {
  let sent: string[] = [];
  const send = (message: Extract<ToPrimary, { kind: 'ask' | 'returned' | 'took' }>) => {
    if (message.kind === 'took') sent.push(`+${message.permits}`);
    else sent.push(message.kind === 'ask' ? `?${message.wanted}` : `-${message.permits}${message.recalled ? 'r' : ''}`);
  };
  const permits = openPermits(0, send, 0, maxWaiting, queues);
  return {
    permits,
    sent() {
      const all = sent;
      sent = [];
      return all;
    },
  };
}

const grant = (permits: Permits, count: number, thrifty = false, now = 0) =>
  granted(permits, { kind: 'permits', pool: 0, granted: count, thrifty }, now);

test('a worker admits as many clients as it was granted, and asks for more when half of the batch is left', () => {
  const { permits, sent } = open();
  assert.deepEqual(sent(), ['?0']);
  grant(permits, 4);
  assert.equal(admit(permits, 0), 'yes');
  assert.deepEqual(sent(), []);
  assert.equal(admit(permits, 0), 'yes');
  assert.deepEqual(sent(), ['?0']);
  assert.deepEqual([admit(permits, 0), admit(permits, 0), admit(permits, 0)], ['yes', 'yes', 'wait']);
  assert.deepEqual(sent(), []);
  assert.deepEqual(grant(permits, 3), { admitted: 1, refused: 0 });
  assert.deepEqual([permits.granted, permits.used, permits.waiting], [7, 5, 0]);
});

test('a freed permit is used again without asking', () => {
  const { permits, sent } = open();
  grant(permits, 2);
  admit(permits, 0);
  sent();
  for (let i = 0; i < 10; i++) {
    release(permits);
    assert.equal(admit(permits, 0), 'yes');
  }
  assert.equal(permits.used, 1);
});

test('clients that wait are refused when there is none, and more of them at once for a moment', () => {
  const { permits, sent } = open();
  grant(permits, 1, true);
  assert.deepEqual([admit(permits, 0), admit(permits, 0), admit(permits, 0)], ['yes', 'wait', 'wait']);
  assert.deepEqual(sent(), ['?0', '?1']);
  assert.deepEqual(grant(permits, 0, true, 5), { admitted: 0, refused: 2 });
  assert.equal(admit(permits, 5 + REFUSE_MS - 1), 'no');
  assert.equal(admit(permits, 5 + REFUSE_MS), 'wait');
  assert.deepEqual(sent(), ['?1']);
});

test('a grant after a refusal admits again at once', () => {
  const { permits } = open();
  admit(permits, 0);
  grant(permits, 0);
  grant(permits, 0);
  assert.equal(admit(permits, 0), 'no');
  grant(permits, 1, true);
  assert.equal(admit(permits, 0), 'yes');
});

test('an answer to an ask ahead of need does not refuse the clients that came meanwhile', () => {
  const { permits, sent } = open();
  assert.equal(admit(permits, 0), 'wait');
  assert.equal(admit(permits, 0), 'wait');
  assert.deepEqual(grant(permits, 0, true), { admitted: 0, refused: 0 });
  assert.deepEqual(sent(), ['?0', '?2']);
  assert.deepEqual(grant(permits, 1, true), { admitted: 1, refused: 0 });
  assert.deepEqual(sent(), ['?1']);
});

test('only so many clients are held', () => {
  const { permits } = open(2);
  assert.deepEqual([admit(permits, 0), admit(permits, 0), admit(permits, 0)], ['wait', 'wait', 'no']);
  gaveUp(permits);
  assert.equal(admit(permits, 0), 'wait');
});

test('while permits are short a freed one goes back at once, and nothing is asked ahead of need', () => {
  const { permits, sent } = open();
  grant(permits, 2, true);
  sent();
  admit(permits, 0);
  release(permits);
  assert.deepEqual(sent(), ['-1']);
  assert.deepEqual([permits.granted, permits.used], [1, 0]);
});

test('a recall takes what is idle and is answered even when nothing is', () => {
  const { permits, sent } = open();
  grant(permits, 5);
  admit(permits, 0);
  sent();
  recalled(permits);
  recalled(permits);
  release(permits);
  assert.deepEqual(sent(), ['-4r', '-0r', '-1']);
  assert.equal(permits.granted, 0);
});

test('a draining worker gives back what it does not use and serves those who already wait', () => {
  const { permits, sent } = open();
  grant(permits, 4);
  admit(permits, 0);
  drainPermits(permits);
  assert.deepEqual(sent(), ['?0', '-3']);
  release(permits);
  assert.deepEqual(sent(), ['-1']);
  assert.equal(admit(permits, 0), 'wait');
  assert.deepEqual(grant(permits, 3), { admitted: 1, refused: 0 });
  assert.deepEqual(sent(), ['?1', '-2']);
});

test('an ask that is never answered is given up', () => {
  const { permits } = open();
  admit(permits, 0);
  assert.deepEqual(expire(permits, ASK_MS - 1), { admitted: 0, refused: 0 });
  assert.deepEqual(expire(permits, ASK_MS), { admitted: 0, refused: 1 });
  grant(permits, 2);
  assert.equal(admit(permits, ASK_MS), 'yes');
});

test('where clients may wait a permit that nobody here takes goes back while permits are short', () => {
  for (const queues of [true, false]) {
    const { permits, sent } = open(undefined, queues);
    grant(permits, 0, true);
    assert.deepEqual([admit(permits, 0, true), admit(permits, 0, true)], ['wait', 'wait']);
    grant(permits, 0, true);
    sent();
    gaveUp(permits, true);
    grant(permits, 2, true);
    assert.deepEqual([permits.used, sent()], [1, queues ? ['-1'] : []]);
  }
  const { permits, sent } = open(undefined, true);
  grant(permits, 3);
  assert.deepEqual([sent(), permits.granted], [['?0'], 3], 'there is plenty');
});

test('the permits of clients that another worker has now go back, though there is plenty', () => {
  const { permits, sent } = open();
  grant(permits, 8);
  for (let i = 0; i < 3; i++) admit(permits, 0);
  sent();
  movedAway(permits, 2);
  assert.deepEqual([sent(), permits.granted, permits.used], [['-2'], 6, 1]);
  release(permits);
  assert.deepEqual([sent(), permits.granted, permits.used], [[], 6, 0], 'while those of one that is over stay');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ToPrimary } from '../../ipc/messages.ts';
import {
  admit,
  ASK_MS,
  drainSlots,
  expire,
  gaveUp,
  granted,
  openSlots,
  recalled,
  REFUSE_MS,
  release,
  type Slots,
} from './slots.ts';

/** A pool and what it has sent since one last looked: `?3` asks for three, `-2` gives two back, `-0r` as recalled. */
function open(maxWaiting?: number): { slots: Slots; sent: () => string[] } {
  let sent: string[] = [];
  const send = (message: Extract<ToPrimary, { kind: 'ask' | 'returned' }>) => {
    sent.push(message.kind === 'ask' ? `?${message.wanted}` : `-${message.slots}${message.recalled ? 'r' : ''}`);
  };
  const slots = openSlots(0, send, 0, maxWaiting);
  return {
    slots,
    sent() {
      const all = sent;
      sent = [];
      return all;
    },
  };
}

const grant = (slots: Slots, count: number, thrifty = false, now = 0) =>
  granted(slots, { kind: 'slots', pool: 0, granted: count, thrifty }, now);

test('a worker admits as many clients as it was granted, and asks for more when half of the batch is left', () => {
  const { slots, sent } = open();
  assert.deepEqual(sent(), ['?0']);
  grant(slots, 4);
  assert.equal(admit(slots, 0), 'yes');
  assert.deepEqual(sent(), []);
  assert.equal(admit(slots, 0), 'yes');
  assert.deepEqual(sent(), ['?0']);
  assert.deepEqual([admit(slots, 0), admit(slots, 0), admit(slots, 0)], ['yes', 'yes', 'wait']);
  assert.deepEqual(sent(), []);
  assert.deepEqual(grant(slots, 3), { admitted: 1, refused: 0 });
  assert.deepEqual([slots.granted, slots.used, slots.waiting], [7, 5, 0]);
});

test('a freed slot is used again without asking', () => {
  const { slots, sent } = open();
  grant(slots, 2);
  admit(slots, 0);
  sent();
  for (let i = 0; i < 10; i++) {
    release(slots);
    assert.equal(admit(slots, 0), 'yes');
  }
  assert.equal(slots.used, 1);
});

test('clients that wait are refused when there is none, and more of them at once for a moment', () => {
  const { slots, sent } = open();
  grant(slots, 1, true);
  assert.deepEqual([admit(slots, 0), admit(slots, 0), admit(slots, 0)], ['yes', 'wait', 'wait']);
  assert.deepEqual(sent(), ['?0', '?1']);
  assert.deepEqual(grant(slots, 0, true, 5), { admitted: 0, refused: 2 });
  assert.equal(admit(slots, 5 + REFUSE_MS - 1), 'no');
  assert.equal(admit(slots, 5 + REFUSE_MS), 'wait');
  assert.deepEqual(sent(), ['?1']);
});

test('a grant after a refusal admits again at once', () => {
  const { slots } = open();
  admit(slots, 0);
  grant(slots, 0);
  grant(slots, 0);
  assert.equal(admit(slots, 0), 'no');
  grant(slots, 1, true);
  assert.equal(admit(slots, 0), 'yes');
});

test('an answer to an ask ahead of need does not refuse the clients that came meanwhile', () => {
  const { slots, sent } = open();
  assert.equal(admit(slots, 0), 'wait');
  assert.equal(admit(slots, 0), 'wait');
  assert.deepEqual(grant(slots, 0, true), { admitted: 0, refused: 0 });
  assert.deepEqual(sent(), ['?0', '?2']);
  assert.deepEqual(grant(slots, 1, true), { admitted: 1, refused: 0 });
  assert.deepEqual(sent(), ['?1']);
});

test('only so many clients are held', () => {
  const { slots } = open(2);
  assert.deepEqual([admit(slots, 0), admit(slots, 0), admit(slots, 0)], ['wait', 'wait', 'no']);
  gaveUp(slots);
  assert.equal(admit(slots, 0), 'wait');
});

test('while slots are short a freed one goes back at once, and nothing is asked ahead of need', () => {
  const { slots, sent } = open();
  grant(slots, 2, true);
  sent();
  admit(slots, 0);
  release(slots);
  assert.deepEqual(sent(), ['-1']);
  assert.deepEqual([slots.granted, slots.used], [1, 0]);
});

test('a recall takes what is idle and is answered even when nothing is', () => {
  const { slots, sent } = open();
  grant(slots, 5);
  admit(slots, 0);
  sent();
  recalled(slots);
  recalled(slots);
  release(slots);
  assert.deepEqual(sent(), ['-4r', '-0r', '-1']);
  assert.equal(slots.granted, 0);
});

test('a draining worker gives back what it does not use and serves those who already wait', () => {
  const { slots, sent } = open();
  grant(slots, 4);
  admit(slots, 0);
  drainSlots(slots);
  assert.deepEqual(sent(), ['?0', '-3']);
  release(slots);
  assert.deepEqual(sent(), ['-1']);
  assert.equal(admit(slots, 0), 'wait');
  assert.deepEqual(grant(slots, 3), { admitted: 1, refused: 0 });
  assert.deepEqual(sent(), ['?1', '-2']);
});

test('an ask that is never answered is given up', () => {
  const { slots } = open();
  admit(slots, 0);
  assert.deepEqual(expire(slots, ASK_MS - 1), { admitted: 0, refused: 0 });
  assert.deepEqual(expire(slots, ASK_MS), { admitted: 0, refused: 1 });
  grant(slots, 2);
  assert.equal(admit(slots, ASK_MS), 'yes');
});

// Workers of different versions talk during an upgrade. Pins version 1's messages byte for byte, as long as it is spoken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decode, encode, PROTOCOL_VERSION } from './protocol.ts';

/** Version 1's messages. On the wire: a length of four bytes, the text, and after an offer the engine's record. */
const FIRST = [
  '{"kind":"hello","version":1}',
  '{"kind":"more"}',
  '{"kind":"go"}',
  '{"kind":"have","ids":[7,8]}',
  '{"kind":"refuse","id":7,"why":"unknown"}',
  '{"kind":"offer","id":7,"service":0,"endpoint":3,"acceptedAt":1,"startedAt":2,"connectedAt":3.5,"attemptAt":2,' +
    '"tried":[[4,"refused"]],"uniqueId":null}',
];

function framed(text: string, record = ''): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(Buffer.byteLength(text));
  return Buffer.concat([bytes, Buffer.from(text), Buffer.from(record)]);
}

test('the messages of version 1 are understood, and sent as they were', () => {
  assert.equal(PROTOCOL_VERSION, 1);
  for (const text of FIRST) {
    const decoded = decode(framed(text, 'record'));
    assert.ok(decoded !== null, text);
    assert.equal(Buffer.from(decoded.record).toString(), 'record');
    assert.deepEqual(Buffer.from(encode(decoded.message)), framed(text));
  }
});

test('what a later one adds is passed over, and what is no message is none', () => {
  for (const text of FIRST) {
    assert.ok(decode(framed(text.replace(/\}$/, ',"later":true}'))) !== null, text);
    assert.equal(decode(framed(text).subarray(0, -1)), null, 'cut off');
  }
  for (const text of ['', 'null', '[]', '{}', '{"kind":"news"}', '{"kind":"have","ids":[-1]}', '{"kind":"refuse"}'])
    assert.equal(decode(framed(text)), null, text);
  const offer = FIRST.at(-1) ?? '';
  const named = (length: number): string => offer.replace('"uniqueId":null', `"uniqueId":"${'x'.repeat(length)}"`);
  assert.ok(decode(framed(named(128))) !== null);
  assert.equal(decode(framed(named(129))), null, 'an id that no record has room for');
  const tries = Array.from({ length: 65_537 }, () => '[4,"refused"]').join(',');
  assert.equal(decode(framed(offer.replace('[4,"refused"]', tries))), null, 'more tries than there are endpoints');
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => decode(bytes) === null));
});

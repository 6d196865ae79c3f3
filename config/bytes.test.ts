import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { bytesOf, judgeBytes, showBytes } from './bytes.ts';

test('escapes are read whether YAML has read them already or not', () => {
  for (const text of ['PING\r\n', String.raw`PING\r\n`, String.raw`\x50ING\x0d\x0A`]) {
    assert.deepEqual(judgeBytes(text), null);
    assert.deepEqual(bytesOf(text), Uint8Array.from([0x50, 0x49, 0x4e, 0x47, 0x0d, 0x0a]));
  }
  assert.deepEqual(bytesOf('\x00\xd2\\\\x'), Uint8Array.from([0, 0xd2, 0x5c, 0x78]));
});

test('an escape that nobody knows, one cut short and a character of more than a byte are refused', () => {
  for (const text of [String.raw`\0`, String.raw`\x`, String.raw`\x4`, String.raw`\xg0`, 'a\\', String.raw`\u0041`]) {
    assert.match(judgeBytes(text)?.hint ?? '', /after a backslash/, text);
  }
  assert.match(judgeBytes('€')?.hint ?? '', /each byte/);
  assert.match(judgeBytes('😀')?.hint ?? '', /each byte/);
});

test('bytes are shown in plain ASCII, and read again as what they were', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const shown = showBytes(bytes);
      assert.match(shown, /^[\x20-\x7e]*$/);
      assert.equal(judgeBytes(shown), null);
      assert.deepEqual(bytesOf(shown), bytes);
    }),
  );
  assert.equal(showBytes(Uint8Array.from([0x41, 0x42, 0x43]), 2), 'AB…');
});

test('whatever stands there is judged, and what is right is bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      if (judgeBytes(text) === null) assert.ok(bytesOf(text).length <= text.length);
    }),
  );
});

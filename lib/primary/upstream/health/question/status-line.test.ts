import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MAX_STATUS_LINE, readStatusLine, type StatusLine } from './status-line.ts';

const read = (text: string): StatusLine => readStatusLine(Buffer.from(text, 'latin1'));

test('a status line of HTTP/1.0 or 1.1 has its code, whatever comes behind it', () => {
  for (const line of [
    '200 OK\r\n',
    '200\r\n',
    '200 \r\n',
    '200 Sehr sch\xf6n\r\n',
    '200 OK\n',
    '200 a\tb\r\nSet-Cookie: \0',
  ]) {
    for (const version of ['1.0', '1.1']) {
      assert.deepEqual(read(`HTTP/${version} ${line}`), { kind: 'status', code: 200 }, line);
    }
  }
});

test('what is no status line is refused at its first wrong byte', () => {
  for (const text of [
    'h',
    'HTTP/2',
    'HTTP/1.x',
    'HTTP/1.1\t',
    'HTTP/1.1  ',
    'HTTP/1.1 2x',
    'HTTP/1.1 2000',
    'HTTP/1.1 200\t',
    'HTTP/1.1 200 OK\rX',
    'HTTP/1.1 200 a\0',
    'HTTP/1.1 200 a\x7f',
    'S',
    '\x15',
  ]) {
    assert.equal(read(text).kind, 'wrong', JSON.stringify(text));
    assert.equal(read(text.slice(0, -1)).kind, 'more', JSON.stringify(text));
  }
  assert.deepEqual(read('HTTP/1.1 999 '), { kind: 'wrong', what: 'has no status code: 999' });
});

test('a reason without an end is refused once the line is too long', () => {
  const long = `HTTP/1.1 200 ${'a'.repeat(MAX_STATUS_LINE)}`;
  assert.equal(read(long.slice(0, MAX_STATUS_LINE - 1)).kind, 'more');
  assert.equal(read(long.slice(0, MAX_STATUS_LINE)).kind, 'wrong');
});

/** A text that starts like a status line, and may then deviate. */
const nearly = fc
  .tuple(
    fc.constantFrom('HTTP/1.1 204 No Content\r\n', 'HTTP/1.0 500\n', 'HTTP/1.1 301 Moved\r\n\r\nbody'),
    fc.nat(30),
    fc.option(fc.nat(255)),
  )
  .map(([text, at, byte]) => {
    const bytes = Buffer.from(text);
    if (byte !== null) bytes[at % bytes.length] = byte;
    return Uint8Array.from(bytes);
  });

test('however the bytes are cut, they mean the same, and a verdict stays', () => {
  fc.assert(
    fc.property(fc.oneof(nearly, fc.uint8Array({ maxLength: 40 })), (bytes) => {
      const whole = readStatusLine(bytes);
      const first = Array.from(bytes, (_, i) => readStatusLine(bytes.subarray(0, i + 1))).find(
        ({ kind }) => kind !== 'more',
      );
      assert.deepEqual(first ?? { kind: 'more' }, whole);
      if (whole.kind !== 'status') return;
      const { groups } =
        /^HTTP\/1\.\d (?<code>[1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r?\n/.exec(
          Buffer.from(bytes).toString('latin1'),
        ) ?? {};
      assert.equal(groups?.['code'], String(whole.code), 'an expression of other making agrees');
    }),
    { numRuns: 1000 },
  );
});

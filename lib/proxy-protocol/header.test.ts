import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { end } from '../testing/end.ts';
import type { Version } from './format.ts';
import { createHeaderWriter, NO_EXTENSIONS, ownHeader } from './header.ts';

const writer = createHeaderWriter();
const SIGNATURE = '0d0a0d0a000d0a515549540a';

function v1(from: string, to: string): string {
  return Buffer.from(writer.write('v1', end(from), end(to), NO_EXTENSIONS)).toString('latin1');
}

function v2(from: string, to: string, extensions = NO_EXTENSIONS): string {
  const hex = Buffer.from(writer.write('v2', end(from), end(to), extensions)).toString('hex');
  assert.ok(hex.startsWith(SIGNATURE));
  return hex.slice(SIGNATURE.length);
}

test('version 1 is a line', () => {
  assert.equal(v1('192.0.2.1:56324', '203.0.113.7:443'), 'PROXY TCP4 192.0.2.1 203.0.113.7 56324 443\r\n');
  assert.equal(v1('[2001:db8::1]:1', '[fe80::2]:65535'), 'PROXY TCP6 2001:db8::1 fe80::2 1 65535\r\n');
});

test('version 2 is bytes', () => {
  assert.equal(v2('192.0.2.1:56324', '203.0.113.7:443'), '2111000cc0000201cb007107dc0401bb');
  const own = '20010db8000000000000000000000001';
  assert.equal(v2('[2001:db8::1]:1', '[fe80::2]:65535'), `21210024${own}fe8000000000000000000000000000020001ffff`);
});

test('IPv4 in IPv6 is IPv4, and of two families both are IPv6', () => {
  assert.equal(v1('[::ffff:192.0.2.1]:1', '[::ffff:10.0.0.1]:2'), 'PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r\n');
  assert.equal(v2('[::ffff:192.0.2.1]:1', '[::ffff:a00:1]:2'), '2111000cc00002010a00000100010002');
  assert.equal(v1('192.0.2.1:1', '[2001:db8::1]:2'), 'PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1 2\r\n');
  const mapped = '00000000000000000000ffffc0000201';
  assert.equal(v2('192.0.2.1:1', '[::1]:2'), `21210024${mapped}${'0'.repeat(31)}100010002`);
});

test('of an address that nobody knows it is said that nobody does', () => {
  for (const [from, to] of [
    ['', '10.0.0.1:1'],
    ['10.0.0.1:1', ''],
    ['', ''],
  ] as const) {
    assert.equal(v1(from, to), 'PROXY UNKNOWN\r\n');
    assert.equal(v2(from, to), '21000000');
  }
});

test('version 2 says the name and the id of a connection where there are any, and nothing that does not fit', () => {
  const extensions = { uniqueId: 'id-1', authority: 'www.example' };
  const tlvs = `02000b${Buffer.from('www.example').toString('hex')}050004${Buffer.from('id-1').toString('hex')}`;
  assert.equal(v2('192.0.2.1:1', '10.0.0.1:2', extensions), `21110021c00002010a00000100010002${tlvs}`);
  assert.equal(v2('', '', extensions), `21000015${tlvs}`);
  const long = { uniqueId: 'x'.repeat(129), authority: 'y'.repeat(256) };
  assert.equal(v2('', '', long), '21000000');
  const longest = { uniqueId: 'x'.repeat(128), authority: 'y'.repeat(255) };
  assert.equal(v2('[::1]:1', '[::1]:2', longest).length / 2, 4 + 36 + 131 + 258);
});

test('nothing is left of what was written before', () => {
  v2('[::1]:1', '[::2]:2', { uniqueId: 'x', authority: 'y' });
  assert.equal(v2('192.0.2.1:56324', '203.0.113.7:443'), '2111000cc0000201cb007107dc0401bb');
  v1('', '');
  assert.equal(v1('192.0.2.2:1', '203.0.113.7:443'), 'PROXY TCP4 192.0.2.2 203.0.113.7 1 443\r\n');
});

test('a check stands for nobody', () => {
  const text = (version: Version): string => Buffer.from(ownHeader(version)).toString('latin1');
  assert.equal(text('v1'), 'PROXY UNKNOWN\r\n');
  assert.equal(text('v2'), '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0');
});

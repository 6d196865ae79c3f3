import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { canonicalHost, isLoopback, isWildcard, judgeHost, judgePeer, listenersOverlap, maybeSame } from './host.ts';
import { anyText } from '../lib/testing/any-text.ts';

test('judgeHost() takes literals, bracketed IPv6 and names', () => {
  for (const host of [
    '127.0.0.1',
    '0.0.0.0',
    '::',
    '[::1]',
    'fd00::1',
    '::ffff:10.0.0.1',
    'localhost',
    'db-1.example.com.',
    'my_service',
    '1password.com',
    'a',
    `${'a'.repeat(63)}.de`,
    'xn--bcher-kva.example',
  ]) {
    assert.equal(judgeHost(host), null, host);
  }
});

test('judgeHost() refuses what only looks like an address or a name', () => {
  for (const host of [
    '',
    ' ',
    '1.2.3.400',
    '010.1.1.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '1.2.3.4.5',
    'example.123',
    '256.256.256.256',
    '[127.0.0.1]',
    '[::1',
    ':::1',
    'a..b',
    '.a',
    '-a',
    'a-',
    `${'a'.repeat(64)}.de`,
    `${'a.'.repeat(127)}a`,
    'a b',
    'a:80',
    '127.0.0.1:80',
    'http://a',
    'fe80::1%eth0',
    'bücher.example',
    'a\u0000b',
    '255.255.255.255',
    '224.0.0.1',
    'ff02::1',
  ]) {
    assert.notEqual(judgeHost(host), null, JSON.stringify(host));
  }
});

test('judgeHost() says what to do about common slips', () => {
  assert.match(judgeHost('127.0.0.1:80')?.hint ?? '', /"port"/);
  assert.match(judgeHost('tcp://a')?.hint ?? '', /scheme/);
  assert.match(judgeHost('bücher.example')?.hint ?? '', /"xn--bcher-kva\.example"/);
  assert.match(judgeHost('fd00::1%eth0')?.hint ?? '', /remove "%eth0"/);
  for (const linkLocal of ['fe80::1%eth0', 'fe80::1', '[febf::1]'])
    assert.match(judgeHost(linkLocal)?.hint ?? '', /unique local/);
  assert.match(judgeHost('1.2.3.400')?.expected ?? '', /four numbers/);
});

test('judgePeer() refuses addresses that nobody can be reached at', () => {
  for (const host of ['0.0.0.0', '::', '[::]', '0:0:0:0:0:0:0:0', '::ffff:0.0.0.0']) {
    assert.match(judgePeer(host)?.hint ?? '', /"127\.0\.0\.1"/, host);
  }
  assert.equal(judgePeer('127.0.0.1'), null);
});

test('every IPv4 and IPv6 literal but a few ranges is a host, and has one spelling', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (ip) => {
      const canonical = canonicalHost(ip);
      assert.ok(isIPv4(canonical) || isIPv6(canonical), canonical);
      assert.equal(canonicalHost(canonical), canonical);
      assert.equal(canonicalHost(ip.toUpperCase()), canonical);
      const complaint = judgeHost(ip);
      if (complaint !== null) assert.match(complaint.expected, /multicast/);
    }),
  );
});

test('judgeHost() never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), anyText(), fc.domain()), (text) => {
      judgeHost(text);
      judgePeer(text);
      canonicalHost(text);
    }),
  );
});

test('canonicalHost() makes spellings of one host equal', () => {
  assert.equal(canonicalHost('LocalHost.'), 'localhost');
  assert.equal(canonicalHost('[0:0:0:0:0:0:0:1]'), '::1');
  assert.equal(canonicalHost('2001:DB8::0:1'), '2001:db8::1');
  assert.equal(canonicalHost('::ffff:127.0.0.1'), '127.0.0.1');
  assert.equal(canonicalHost('::ffff:7f00:1'), '127.0.0.1');
});

test('wildcards overlap what they take: 0.0.0.0 IPv4 and names, :: everything', () => {
  assert.ok(isWildcard('0.0.0.0') && isWildcard('::') && !isWildcard('127.0.0.1'));
  assert.ok(listenersOverlap('0.0.0.0', '127.0.0.1'));
  assert.ok(listenersOverlap('10.0.0.1', '0.0.0.0'));
  assert.ok(listenersOverlap('0.0.0.0', 'myhost'));
  assert.ok(listenersOverlap('0.0.0.0', '::'));
  assert.ok(listenersOverlap('::', '::1') && listenersOverlap('127.0.0.1', '::'));
  assert.ok(!listenersOverlap('0.0.0.0', '::1'));
  assert.ok(!listenersOverlap('127.0.0.1', '127.0.0.2'));
});

test('localhost may be 127.0.0.1 or ::1, which are not each other', () => {
  assert.ok(maybeSame('localhost', '127.0.0.1') && maybeSame('::1', 'localhost'));
  assert.ok(!maybeSame('127.0.0.1', '::1') && !maybeSame('127.0.0.1', '127.0.0.1'));
  assert.ok(isLoopback('127.9.9.9') && isLoopback('::1') && isLoopback('localhost') && !isLoopback('128.0.0.1'));
});

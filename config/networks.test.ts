import assert from 'node:assert/strict';
import { BlockList, isIPv4 } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readIp } from './ip.ts';
import { betterSpelling, judgeNetwork, networkOf, networksOf } from './networks.ts';

function bytesOf(ip: string): Uint8Array {
  const bytes = new Uint8Array(16);
  assert.ok(readIp(ip, 0, ip.length, bytes, 0), ip);
  return bytes;
}

test('what is a network and what is none', () => {
  for (const text of [
    '10.0.0.0/8',
    '0.0.0.0/0',
    '10.0.0.1',
    '::/0',
    'fd00::/8',
    '::1',
    '::1/128',
    '::ffff:10.0.0.0/104',
  ]) {
    assert.equal(judgeNetwork(text), null, text);
  }
  for (const text of ['', '/8', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0/8', '::/129']) {
    assert.notEqual(judgeNetwork(text), null, text);
  }
  for (const text of [
    '10.0.0.0/8/8',
    'fe80::1%eth0',
    'example.com',
    '10.0.0.0/255.0.0.0',
    ' 10.0.0.0/8',
    '[::1]/128',
  ]) {
    assert.notEqual(judgeNetwork(text), null, text);
  }
  assert.match(judgeNetwork('10.0.0.0/33')?.hint ?? '', /"33" is no number of bits 0\.\.32/);
});

test('what lies behind the prefix is cut off, and how it is better written is told', () => {
  assert.deepEqual(networkOf('10.1.2.3/8'), networkOf('10.0.0.0/8'));
  assert.equal(betterSpelling('10.1.2.3/8'), '10.0.0.0/8');
  assert.equal(betterSpelling('fd00::1/8'), 'fd00::/8');
  for (const text of ['10.0.0.0/8', '10.1.2.3', '10.1.2.3/32', 'FD00::/8', 'nothing/8'])
    assert.equal(betterSpelling(text), null);
});

test('an address is in a network as Node has it', () => {
  const network = fc.oneof(
    fc.tuple(fc.ipV4(), fc.nat(32)).map(([ip, prefix]) => ({ ip, prefix, family: 'ipv4' as const })),
    fc.tuple(fc.ipV6(), fc.nat(128)).map(([ip, prefix]) => ({ ip, prefix, family: 'ipv6' as const })),
  );
  const near = fc.array(network, { minLength: 1, maxLength: 5 }).chain((networks) =>
    fc.record({
      networks: fc.constant(networks),
      ip: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom(...networks.map(({ ip }) => ip))),
    }),
  );
  fc.assert(
    fc.property(near, ({ networks, ip }) => {
      const list = new BlockList();
      for (const { ip: at, prefix, family } of networks) list.addSubnet(at, prefix, family);
      const own = networksOf(networks.map(({ ip: at, prefix }) => `${at}/${prefix}`));
      // Node does not match IPv4 against IPv6 networks; for us 10.0.0.1 is ::ffff:10.0.0.1.
      const expected =
        list.check(ip, isIPv4(ip) ? 'ipv4' : 'ipv6') || (isIPv4(ip) && list.check(`::ffff:${ip}`, 'ipv6'));
      assert.equal(own.has(bytesOf(ip)), expected);
    }),
    { numRuns: 1000 },
  );
});

test('IPv4 in IPv6 is IPv4', () => {
  const own = networksOf(['10.0.0.0/8', 'fe80::/10']);
  for (const ip of ['10.9.9.9', '::ffff:10.9.9.9', '::ffff:a09:909', 'fe80::1']) assert.ok(own.has(bytesOf(ip)), ip);
  for (const ip of ['11.0.0.1', '::a09:909', '::']) assert.equal(own.has(bytesOf(ip)), false, ip);
});

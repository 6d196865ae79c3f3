import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readIp } from './ip.ts';
import { networkTable } from './network-table.ts';
import { networkOf } from './networks.ts';

function bytesOf(ip: string): Uint8Array {
  const bytes = new Uint8Array(16);
  assert.ok(readIp(ip, 0, ip.length, bytes, 0), ip);
  return bytes;
}

/** The rule itself, bit by bit. */
function expected(allow: readonly string[] | null, deny: readonly string[], ip: Uint8Array): boolean {
  const bitOf = (bytes: Uint8Array, i: number): number => ((bytes[i >> 3] ?? 0) >> (7 - (i & 7))) & 1;
  const longest = (texts: readonly string[]): number =>
    Math.max(
      -1,
      ...texts.map((text) => {
        const network = networkOf(text);
        if (network === null) return -1;
        for (let i = 0; i < network.prefix; i++) if (bitOf(network.bytes, i) !== bitOf(ip, i)) return -1;
        return network.prefix;
      }),
    );
  const [allowed, denied] = [longest(allow ?? []), longest(deny)];
  return allowed === -1 && denied === -1 ? allow === null : allowed > denied;
}

const ipv4 = fc
  .tuple(...Array.from({ length: 4 }, () => fc.constantFrom(0, 1, 127, 128, 255)))
  .map((parts) => parts.join('.'));
const ipv6 = fc
  .array(fc.constantFrom('0', '1', 'ffff', '8000', '7fff'), { minLength: 8, maxLength: 8 })
  .map((parts) => parts.join(':'));
const mapped = ipv4.map((ip) => `::ffff:${ip}`);
const ip = fc.oneof(ipv4, ipv6, mapped, fc.ipV4(), fc.ipV6());
const network = ip.chain((text) =>
  fc.nat(text.includes(':') ? 128 : 32).map((prefix) => (prefix % 5 === 0 ? text : `${text}/${prefix}`)),
);
const list = fc.array(network, { maxLength: 12 });

test('the longest network that an address is in decides, a denied one before an allowed one of its length', () => {
  fc.assert(
    fc.property(fc.option(list), list, fc.array(ip, { minLength: 1, maxLength: 20 }), (allow, deny, ips) => {
      const table = networkTable(allow, deny);
      // Also test the addresses at the edges of the networks.
      const edges = [...(allow ?? []), ...deny].map((text) => text.split('/')[0] ?? '');
      for (const text of [...ips, ...edges]) {
        const bytes = bytesOf(text);
        assert.equal(table.allows(bytes), expected(allow, deny, bytes), text);
        if (table.allows(bytes)) assert.ok(table.allowsAny);
      }
    }),
    { numRuns: 3000 },
  );
});

test('with allow all others are refused, without it they may come', () => {
  const cases: readonly [readonly string[] | null, readonly string[], string, boolean][] = [
    [['10.0.0.0/8'], [], '10.1.2.3', true],
    [['10.0.0.0/8'], [], '11.0.0.0', false],
    [['10.0.0.0/8'], [], '9.255.255.255', false],
    [['10.0.0.0/8'], [], 'fd00::1', false],
    [['10.0.0.0/8', 'fd00::/8'], ['10.6.6.0/24'], '10.6.6.1', false],
    [['10.0.0.0/8', 'fd00::/8', '10.6.6.6'], ['10.6.6.0/24'], '10.6.6.6', true],
    [null, ['10.6.6.0/24'], '10.6.6.1', false],
    [null, ['10.6.6.0/24'], '10.6.7.0', true],
    [null, ['10.6.6.0/24'], '::1', true],
    [['10.0.0.1'], ['10.0.0.1/32'], '10.0.0.1', false],
    [null, ['255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'], '255.255.255.255', false],
    [null, ['0.0.0.0/0'], '255.255.255.255', false],
    [null, ['0.0.0.0/0'], '::2', true],
    [['::/0'], [], '10.0.0.1', true], // IPv4 is a part of IPv6
    [[], [], '10.0.0.1', false],
  ];
  for (const [allow, deny, text, may] of cases) {
    assert.equal(networkTable(allow, deny).allows(bytesOf(text)), may, `${allow?.join()} ${deny.join()} ${text}`);
  }
});

test('whether somebody may come at all', () => {
  assert.equal(networkTable(['10.0.0.0/8'], ['10.0.0.0/9', '10.128.0.0/9']).allowsAny, false);
  assert.equal(networkTable(['10.0.0.0/8'], ['10.0.0.0/9', '10.128.0.0/10']).allowsAny, true);
  assert.equal(networkTable(null, ['::/0']).allowsAny, false);
  assert.equal(networkTable(null, ['0.0.0.0/0']).allowsAny, true);
});

test('ten thousand networks are a table within a moment', () => {
  const networks = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/${24 + (i % 3)}`);
  const table = networkTable(networks, ['10.0.0.0/8', '10.3.4.0/25']);
  assert.deepEqual(
    ['10.3.4.1', '10.3.5.1', '10.3.5.200', '10.200.0.1'].map((text) => table.allows(bytesOf(text))),
    [false, true, false, false],
  );
});

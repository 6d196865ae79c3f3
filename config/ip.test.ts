import assert from 'node:assert/strict';
import { isIP, isIPv4, SocketAddress } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ipv4Text, ipv6Text, isIpv4In, readIp } from './ip.ts';

function bytesOf(text: string): Uint8Array | null {
  const padded = `<${text}>`;
  const bytes = new Uint8Array(18).fill(7);
  const isRead = readIp(padded, 1, padded.length - 1, bytes, 1);
  assert.deepEqual([bytes[0], bytes[17]], [7, 7], 'nothing beside its place is written');
  return isRead ? bytes.subarray(1, 17) : null;
}

/** Node's canonical spelling. */
function canonical(text: string): string {
  return new SocketAddress({ address: text, family: isIPv4(text) ? 'ipv4' : 'ipv6' }).address;
}

const group = fc.oneof(
  fc.constant('0'),
  fc.nat(0xffff).map((n) => n.toString(16)),
  fc.constant('00AB'),
);
const almost = fc.oneof(
  fc
    .array(fc.oneof(group, fc.constant(''), fc.constant(':'), fc.ipV4()), { maxLength: 9 })
    .map((parts) => parts.join(':')),
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789abfF:.%g ')), maxLength: 20 }),
  fc.ipV4Extended(),
);

test('what is an address and what is none is as Node has it, but for zones', () => {
  const texts = fc.oneof(fc.ipV4(), fc.ipV6(), almost);
  const check = (text: string): void => {
    const bytes = bytesOf(text);
    assert.equal(bytes !== null, isIP(text) !== 0 && !text.includes('%'), text);
    if (bytes === null) return;
    const shown = isIPv4(text) ? ipv4Text(bytes, 12) : ipv6Text(bytes, 0);
    assert.equal(canonical(shown), canonical(text), text);
    // Node writes former IPv4-compatible addresses in dotted form, which RFC 5952 does not ask for.
    if (!/^::\d+\.\d+\.\d+\.\d+$/.test(canonical(text))) assert.equal(shown, canonical(text));
    if (isIPv4(text)) assert.ok(isIpv4In(bytes, 0));
  };
  fc.assert(fc.property(texts, check), { numRuns: 5000 });
  for (const text of ['', '::', '::1', '1::', ':', ':::', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8'])
    check(text);
  for (const text of ['1:2:3:4:5:6:7:8::', '1::2::3', '::1.2.3.4', '::ffff:1.2.3.4', '1.2.3.4:', '01.2.3.4'])
    check(text);
  for (const text of ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:7:1.2.3.4', '::1.2.3.4:5', '12345::', '256.1.1.1', '1.2.3'])
    check(text);
});

test('an IPv4 address and the same in IPv6 are the same bytes', () => {
  assert.deepEqual(bytesOf('10.1.2.3'), bytesOf('::ffff:10.1.2.3'));
  assert.deepEqual(bytesOf('10.1.2.3'), bytesOf('::FFFF:a01:203'));
  assert.equal(isIpv4In(bytesOf('::1') ?? new Uint8Array(), 0), false);
});

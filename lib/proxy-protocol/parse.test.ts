import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { end } from '../testing/end.ts';
import { crc32c } from './crc32c.ts';
import { AUTHORITY, CRC32C, SIGNATURE, UNIQUE_ID } from './format.ts';
import type { Version } from './format.ts';
import { createHeaderWriter, NO_EXTENSIONS, ownHeader } from './header.ts';
import type { Parsed } from './parse.ts';
import { LONGEST_HEADER, parseHeader } from './parse.ts';

const IS_LONG = process.env['BAL_SOAK'] === 'long';
/** Number of fuzzing inputs. */
const RUNS = IS_LONG ? 1_000_000 : 4000;

/** Parses every prefix too: the result must not depend on how many more bytes have arrived. */
function parse(bytes: Uint8Array): Parsed {
  const whole = parseHeader(bytes);
  const ends = whole.kind === 'header' ? whole.length : bytes.length;
  assert.ok(ends <= LONGEST_HEADER || whole.kind !== 'header');
  let isWrong = false;
  // Only some prefixes of long inputs.
  const step = bytes.length > 300 ? 1 + Math.floor(bytes.length / 64) : 1;
  for (let length = 0; length < bytes.length; length += step) {
    const part = parseHeader(bytes.subarray(0, length));
    if (part.kind === 'wrong') isWrong = true;
    else assert.ok(!isWrong, 'what was wrong stays so');
    if (part.kind === 'header') assert.deepEqual(part, whole);
    if (part.kind === 'more') assert.ok(whole.kind !== 'header' || length < ends);
    if (part.kind === 'wrong') assert.equal(whole.kind, 'wrong');
  }
  return whole;
}

function kindOf(text: string): Parsed['kind'] {
  return parse(Buffer.from(text, 'latin1')).kind;
}

/** `192.0.2.1:1 > 10.0.0.1:2`, or the kind of any other result. */
function shown(bytes: Uint8Array): string {
  const parsed = parse(bytes);
  if (parsed.kind !== 'header') return parsed.kind;
  const { ends } = parsed;
  if (ends === null) return 'nobody';
  return `${ends.client.ip} ${ends.client.port} > ${ends.destination.ip} ${ends.destination.port}`;
}

test('version 1: what is right', () => {
  const tcp4 = Buffer.from('PROXY TCP4 192.0.2.1 203.0.113.7 56324 443\r\nGET');
  assert.equal(shown(tcp4), '192.0.2.1 56324 > 203.0.113.7 443');
  const parsed = parseHeader(tcp4);
  assert.equal(parsed.kind === 'header' && parsed.length, tcp4.length - 3);
  assert.equal(
    shown(Buffer.from('PROXY TCP6 2001:DB8::1 ::ffff:1.2.3.4 0 65535\r\n')),
    '2001:db8::1 0 > 1.2.3.4 65535',
  );
  for (const rest of ['', ' ', ' ffff:f...f:ffff ffff:f...f:ffff 65535 65535', ' \x00\xff']) {
    assert.equal(shown(Buffer.from(`PROXY UNKNOWN${rest}\r\n`, 'latin1')), 'nobody');
  }
});

test('version 1: what is wrong, as soon as it can be seen', () => {
  for (const text of [
    'X',
    'GET / HTTP/1.1',
    'PROXX',
    'proxy',
    'PROXY TCP5',
    'PROXY TCP4\t',
    'PROXY  TCP4',
    'PROXY TCP4 192.0.2.1;',
    'PROXY\r',
    'PROXY TCP4 192.0.2.1 203.0.113.7 1 2\n',
    'PROXY TCP4 192.0.2.1 203.0.113.7 1 2\rX',
    'PROXY TCP4 192.0.2.1 203.0.113.7 1 2 \r\n',
    'PROXY TCP4 192.0.2.1 203.0.113.7 1 2 3\r\n',
    'PROXY TCP4 192.0.2.1 203.0.113.7 1\r\n',
    'PROXY TCP4 192.0.2.1 203.0.113.7 01 2\r\n',
    'PROXY TCP4 192.0.2.1 203.0.113.7 1 65536\r\n',
    'PROXY TCP4 192.0.2.1 203.0.113.7 -1 2\r\n',
    'PROXY TCP4 192.0.2.01 203.0.113.7 1 2\r\n',
    'PROXY TCP4 192.0.2 203.0.113.7 1 2\r\n',
    'PROXY TCP4 ::1 ::2 1 2\r\n',
    'PROXY TCP6 192.0.2.1 203.0.113.7 1 2\r\n',
    'PROXY TCP6 fe80::1%lo ::2 1 2\r\n',
    'PROXY UNKNOWNX\r\n',
    'PROXY TCP4\r\n',
    'PROXY \r\n',
    `PROXY UNKNOWN${' '.repeat(94)}`,
    `PROXY UNKNOWN${' '.repeat(93)}\r\n`,
  ]) {
    assert.equal(kindOf(text), 'wrong', JSON.stringify(text));
  }
  assert.equal(kindOf(`PROXY UNKNOWN${' '.repeat(92)}\r\n`), 'header', '107 bytes are as many as may be');
  for (const text of ['', 'P', 'PROXY', 'PROXY TCP4 192.0.2.1 203', 'PROXY UNKNOWN\r', 'PROXY TCP6 ::1 ::1 1 2\r']) {
    assert.equal(kindOf(text), 'more', JSON.stringify(text));
  }
});

const V4 = 'c0000201cb007107dc0401bb';
const V6 = `20010db8000000000000000000000001${'00'.repeat(10)}ffffcb007107dc0401bb`;
const UNIX = '00'.repeat(216);

/** A header of the signature and these bytes. */
function v2(hex: string): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.from(hex, 'hex')]);
}

test('version 2: what is right', () => {
  assert.equal(shown(v2(`2111000c${V4}ff`)), '192.0.2.1 56324 > 203.0.113.7 443');
  assert.equal(shown(v2(`21210024${V6}`)), '2001:db8::1 56324 > 203.0.113.7 443');
  assert.equal(shown(v2(`2111000f${V4}040000`)), '192.0.2.1 56324 > 203.0.113.7 443', 'with an empty NOOP');
  assert.equal(shown(v2('20000000')), 'nobody');
  assert.equal(shown(v2('20ff0003ffffff')), 'nobody', 'of a LOCAL one nothing else counts');
  assert.equal(shown(v2('21000003ffffff')), 'nobody', 'nor of one without a family');
  assert.equal(shown(v2(`2112000c${V4}`)), 'nobody', 'UDP');
  assert.equal(shown(v2(`213100d8${UNIX}`)), 'nobody', 'a Unix socket');
  const parsed = parse(v2(`2111001d${V4}0200036162630500017804000400000000`));
  assert.deepEqual(parsed.kind === 'header' && parsed.extensions, { authority: 'abc', uniqueId: 'x' });
});

test('version 2: what is wrong, as soon as it can be seen', () => {
  for (const hex of ['11', '31', '22', '2f', '2113', '2141', '21f1', '2111000b', '21210023', '213100d7', '2111fff0']) {
    assert.equal(shown(v2(hex)), 'wrong', hex);
  }
  for (const tlv of [
    '04',
    '0400',
    '040001',
    '04000200',
    `050081${'00'.repeat(129)}`,
    '03000400000000',
    '030003000000',
  ]) {
    const length = (12 + tlv.length / 2).toString(16).padStart(4, '0');
    assert.equal(shown(v2(`2111${length}${V4}${tlv}`)), 'wrong', tlv);
  }
  const broken = Buffer.from(SIGNATURE);
  broken[11] = 0;
  for (const bytes of [broken, Buffer.from('\r\nX')]) assert.equal(shown(bytes), 'wrong');
  for (const hex of ['', '21', '2111', '211100', '2111000c', `2111000c${V4.slice(2)}`, '20000001']) {
    assert.equal(shown(v2(hex)), 'more', hex);
  }
});

/** A header with these TLVs and its checksum. */
function checksummed(tlvs: string): Buffer {
  const length = (12 + tlvs.length / 2 + 7).toString(16).padStart(4, '0');
  const header = v2(`2111${length}${V4}${tlvs}03000400000000`);
  header.writeUInt32BE(crc32c(header, 0, header.length), header.length - 4);
  return header;
}

test('a checksum counts where there is one', () => {
  assert.equal(crc32c(Buffer.from('123456789'), 0, 9), 0xe306_9283, 'of the catalogue of CRCs');
  const header = checksummed('020003616263');
  assert.equal(shown(header), '192.0.2.1 56324 > 203.0.113.7 443');
  for (let at = 16; at < header.length; at++) {
    const bytes = Buffer.from(header);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    // If the byte is the checksum's type, there is no checksum any more.
    if (bytes[header.length - 7] === CRC32C) assert.notEqual(shown(bytes), shown(header), String(at));
  }
});

const ends = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat(65_535)).map(([ip, port]) => `${ip}:${port}`),
  fc.tuple(fc.ipV6(), fc.nat(65_535)).map(([ip, port]) => `[${ip}]:${port}`),
  fc.constant(''),
);
const extensions = fc.record(
  {
    uniqueId: fc.option(fc.string({ maxLength: 128, unit: 'binary-ascii' })),
    authority: fc.option(fc.string({ maxLength: 255, unit: 'binary-ascii' })),
  },
  { noNullPrototype: true },
);
const written = fc
  .record({ version: fc.constantFrom<Version[]>('v1', 'v2'), from: ends, to: ends, extensions })
  .map(({ version, from, to, extensions: its }) =>
    Buffer.from(createHeaderWriter().write(version, end(from), end(to), its)),
  );

test('what is written is read', () => {
  fc.assert(
    fc.property(fc.constantFrom<Version[]>('v1', 'v2'), ends, ends, extensions, (version, from, to, its) => {
      const header = Buffer.from(createHeaderWriter().write(version, end(from), end(to), its));
      const parsed = parse(Buffer.concat([header, Buffer.from('\r\n')]));
      assert.equal(parsed.kind, 'header');
      if (parsed.kind !== 'header') return;
      assert.equal(parsed.length, header.length);
      assert.equal(parsed.ends === null, from === '' || to === '');
      if (parsed.ends === null) return;
      const { client, destination } = parsed.ends;
      const text = ({ ip, port }: typeof client): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
      const again = createHeaderWriter().write(version, end(text(client)), end(text(destination)), parsed.extensions);
      if (client.ip.includes(':') === destination.ip.includes(':')) assert.deepEqual(Buffer.from(again), header);
      if (version === 'v2') assert.deepEqual(parsed.extensions, its);
      else assert.deepEqual(parsed.extensions, NO_EXTENSIONS);
    }),
    { numRuns: 2000 },
  );
  for (const version of ['v1', 'v2'] as const) assert.equal(shown(ownHeader(version)), 'nobody');
});

const piece = fc.constantFrom(
  'PROXY ',
  'TCP4 ',
  'TCP6 ',
  'UNKNOWN',
  '192.0.2.1 ',
  '::1 ',
  '1 ',
  '65535',
  '\r\n',
  '\r',
  '\n',
  ' ',
);
const lines = fc.array(piece, { maxLength: 9 }).map((parts) => Buffer.from(parts.join('')));
const tlv = fc
  .record({
    type: fc.oneof(fc.constantFrom(AUTHORITY, CRC32C, UNIQUE_ID, 4), fc.nat(255)),
    value: fc.uint8Array({ maxLength: 140 }),
    lie: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: -3, max: 3 })),
  })
  .map(({ type, value, lie }) => {
    const length = Math.max(0, value.length + lie);
    return Buffer.concat([Uint8Array.of(type, length >> 8, length & 255), value]);
  });
const binaries = fc
  .record({
    command: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(0x20, 0x21) }, fc.nat(255)),
    family: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(0, 0x11, 0x12, 0x21, 0x31) }, fc.nat(255)),
    addresses: fc.constantFrom(V4, V6, UNIX, ''),
    tlvs: fc.array(tlv, { maxLength: 4 }),
    lie: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: -20, max: 20 }), fc.nat(65_535)),
    behind: fc.uint8Array({ maxLength: 8 }),
  })
  .map(({ command, family, addresses, tlvs, lie, behind }) => {
    const body = Buffer.concat([Buffer.from(addresses, 'hex'), ...tlvs]);
    const length = Math.min(65_535, Math.max(0, body.length + lie));
    return Buffer.concat([SIGNATURE, Uint8Array.of(command, family, length >> 8, length & 255), body, behind]);
  });
/** Valid headers with some bytes changed, removed or doubled. */
const mutated = fc
  .record({
    bytes: fc.oneof(written, binaries),
    changes: fc.array(fc.tuple(fc.nat(600), fc.nat(255), fc.constantFrom('set', 'cut', 'double')), { maxLength: 4 }),
  })
  .map(({ bytes, changes }) => {
    let now = Buffer.from(bytes);
    for (const [place, value, how] of changes) {
      const at = now.length === 0 ? 0 : place % now.length;
      if (how === 'set' && now.length > 0) now[at] = value;
      else if (how === 'cut') now = Buffer.concat([now.subarray(0, at), now.subarray(at + 1 + (value % 4))]);
      else if (how === 'double')
        now = Buffer.concat([now.subarray(0, at), now.subarray(at, at + value), now.subarray(at)]);
    }
    return now;
  });

test(`whatever comes, in whatever pieces: no throw, and one answer (${RUNS} inputs)`, () => {
  const counts = { header: 0, more: 0, wrong: 0 };
  const inputs = fc.oneof(
    lines,
    binaries,
    mutated,
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(inputs, (bytes) => {
      const before = Buffer.from(bytes);
      counts[parse(bytes).kind]++;
      assert.deepEqual(bytes, before);
    }),
    { numRuns: RUNS },
  );
  // The fuzzing must reach every kind of result.
  for (const count of Object.values(counts)) assert.ok(count > RUNS / 50, JSON.stringify(counts));
});

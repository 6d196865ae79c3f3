import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import { connect, type ConnectionOptions } from 'node:tls';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ReadHello } from './client-hello.ts';
import { LONGEST_HELLO, readHello } from './client-hello.ts';

const IS_LONG = process.env['BAL_SOAK'] === 'long';
/** Number of fuzzing inputs. */
const RUNS = IS_LONG ? 1_000_000 : 4000;

/** Reads every prefix too: the result must not depend on how many more bytes have arrived. */
function read(bytes: Uint8Array): ReadHello {
  const whole = readHello(bytes);
  let last: ReadHello = { kind: 'more' };
  // Only some prefixes of long inputs.
  const step = bytes.length > 300 ? 1 + Math.floor(bytes.length / 64) : 1;
  for (let length = 0; length <= bytes.length; length += step) {
    const part = readHello(bytes.subarray(0, length));
    if (last.kind !== 'more') assert.deepEqual(part, last, 'what it is it stays');
    last = part;
  }
  if (last.kind !== 'more') assert.deepEqual(whole, last);
  return whole;
}

/** The name and the protocols, or `kind`. */
function shown(bytes: Uint8Array): string {
  const hello = read(bytes);
  return hello.kind === 'hello' ? `${hello.name ?? '-'} ${hello.protocols.join()}` : hello.kind;
}

/** The first bytes that Node's OpenSSL sends. */
function realHello(options: ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = new Duplex({
      read: () => undefined,
      write(chunk: Buffer, _encoding, done) {
        resolve(Buffer.from(chunk));
        done();
      },
    });
    const client = connect({ socket, ...options });
    client.on('error', () => undefined);
    void new Promise((done) => setImmediate(done)).then(() => client.destroy());
  });
}

const REAL = await Promise.all([
  realHello({ servername: 'Www.Example.com', ALPNProtocols: ['h2', 'http/1.1'] }),
  realHello({ servername: 'a.example', maxVersion: 'TLSv1.2' }),
  realHello({ minVersion: 'TLSv1.3', ALPNProtocols: ['postgresql'] }),
  realHello({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }),
]);
const [FIRST] = REAL;

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u24 = (value: number): Buffer => Buffer.concat([Buffer.from([value >> 16]), u16(value & 65_535)]);

/** Splits the message into records of `size` bytes. */
function inRecords(message: Uint8Array, size: number): Buffer {
  const records: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1]), u16(part.length), part);
  }
  return Buffer.concat(records);
}

/** A hello with these extensions. `lie`: how many bytes too long the list claims to be. */
function helloOf(extensions: readonly (readonly [number, Uint8Array])[], lie = 0): Buffer {
  const list = Buffer.concat(extensions.flatMap(([type, value]) => [u16(type), u16(value.length), value]));
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([0, 0, 2, 0x13, 1, 1, 0]),
    u16(list.length + lie),
    list,
  ]);
  return Buffer.concat([Buffer.from([1]), u24(body.length), body]);
}

function names(...list: readonly string[]): Buffer {
  const entries = list.map((name) => Buffer.concat([Buffer.from([0]), u16(name.length), Buffer.from(name, 'latin1')]));
  const all = Buffer.concat(entries);
  return Buffer.concat([u16(all.length), all]);
}

function protocols(...list: readonly string[]): Buffer {
  const all = Buffer.concat(list.map((name) => Buffer.concat([Buffer.from([name.length]), Buffer.from(name)])));
  return Buffer.concat([u16(all.length), all]);
}

const NAME = [0, names('a.example')] as const;
/** X25519MLKEM768: 1,216 bytes. */
const POST_QUANTUM = [51, Buffer.concat([u16(1220), u16(0x11ec), u16(1216), Buffer.alloc(1216, 9)])] as const;

test('what real clients ask for is read', () => {
  assert.deepEqual(REAL.map(shown), ['Www.Example.com h2,http/1.1', 'a.example ', '- postgresql', '- ']);
  for (const hello of REAL) {
    const message = hello.subarray(5);
    for (const size of [1, 3, 100, 16_384]) {
      const records = inRecords(message, size);
      assert.equal(shown(records), shown(hello), 'whatever records it comes in');
      assert.equal(shown(Buffer.concat([records, Buffer.from('early data')])), shown(hello), 'whatever follows');
    }
    for (let length = 0; length < hello.length; length++) {
      assert.equal(readHello(hello.subarray(0, length)).kind, 'more');
    }
  }
});

test('one that is large is read as far as 16 KiB', () => {
  const message = helloOf([POST_QUANTUM, NAME, [16, protocols('h2')]]);
  assert.equal(shown(inRecords(message, 1 << 14)), 'a.example h2');
  assert.equal(shown(inRecords(message, 500)), 'a.example h2');
  const padded = (bytes: number): Buffer => inRecords(helloOf([NAME, [21, Buffer.alloc(bytes)]]), 1 << 14);
  const rest = LONGEST_HELLO - padded(0).length;
  assert.equal(padded(rest).length, LONGEST_HELLO);
  assert.equal(shown(padded(rest)), 'a.example ');
  assert.equal(shown(padded(rest + 1)), 'no_tls');
});

test('what is no hello is known as soon as it can be seen', () => {
  const message = helloOf([NAME]);
  const record = inRecords(message, 1 << 14);
  for (const [bytes, why] of [
    [Buffer.from('GET / HTTP/1.1\r\n'), 'HTTP'],
    [Buffer.from('SSH-2.0-OpenSSH\r\n'), 'SSH'],
    [Buffer.from('802e0103010015000000100100', 'hex'), 'SSL 2'],
    [Buffer.from([22, 2]), 'SSL 2 in a record'],
    [Buffer.from([22, 3, 1, 0, 0]), 'an empty record'],
    [Buffer.from([22, 3, 1, 64, 1]), 'a record that is too long'],
    [Buffer.from([22, 3, 1, 0, 9, 2]), 'a ServerHello'],
    [Buffer.from([22, 3, 1, 0, 9, 1, 1, 0, 0]), 'a hello that is too long'],
    [Buffer.concat([inRecords(message.subarray(0, 9), 9), Buffer.from([23, 3, 3])]), 'another record within'],
  ] as const) {
    assert.equal(shown(bytes), 'no_tls', why);
  }
  for (const bytes of [record.subarray(0, 0), record.subarray(0, 1), record.subarray(0, 8)]) {
    assert.equal(shown(bytes), 'more');
  }
});

test('lengths that contradict each other, and two answers to one question, are no hello', () => {
  const kindOf = (message: Uint8Array): string => shown(inRecords(message, 1 << 14));
  assert.equal(kindOf(helloOf([NAME])), 'a.example ');
  assert.equal(kindOf(helloOf([])), '- ');
  for (const lie of [-1, 1]) assert.equal(kindOf(helloOf([NAME], lie)), 'no_tls');
  for (const [extension, why] of [
    [[0, Buffer.alloc(0)], 'no list of names'],
    [[0, u16(0)], 'an empty one'],
    [[0, names('')], 'an empty name'],
    [[0, names('a', 'b')], 'two names'],
    [[0, names('abc').subarray(0, 5)], 'a name cut off'],
    [[0, Buffer.concat([names('abc'), Buffer.from([0])])], 'something behind it'],
    [[16, u16(0)], 'no protocols'],
    [[16, protocols('')], 'an empty protocol'],
    [[16, protocols('h2').subarray(0, 4)], 'a protocol cut off'],
  ] as const) {
    assert.equal(kindOf(helloOf([[5, Buffer.alloc(3)], extension])), 'no_tls', why);
  }
  assert.equal(kindOf(helloOf([NAME, NAME])), 'no_tls');
  assert.equal(kindOf(helloOf([[16, protocols('h2')], [16, protocols('h3')]])), 'no_tls'); // prettier-ignore
});

test('a name that is not printable ASCII, or is longer than names are, is none', () => {
  for (const name of ['a b', 'a\0', 'ä.example', '\x7f', 'x'.repeat(256)]) {
    assert.equal(shown(inRecords(helloOf([[0, names(name)], [16, protocols('h2')]]), 1 << 14)), '- h2'); // prettier-ignore
  }
  assert.equal(shown(inRecords(helloOf([[0, names('x'.repeat(255))]]), 1 << 14)), `${'x'.repeat(255)} `);
  const other = Buffer.from([0, 5, 7, 0, 2, 1, 2]);
  assert.equal(shown(inRecords(helloOf([[0, other]]), 1 << 14)), '- ', 'a name of another kind is nobody’s');
});

const extension = fc.oneof(
  fc.constantFrom(NAME, POST_QUANTUM, [16, protocols('h2', 'http/1.1')] as const, [0, names('a', 'b')] as const),
  fc.tuple(fc.oneof(fc.constantFrom(0, 16, 43), fc.nat(65_535)), fc.uint8Array({ maxLength: 40 })),
);
const grammar = fc
  .record({
    extensions: fc.array(extension, { maxLength: 4 }),
    lie: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: -5, max: 5 })),
  })
  .map(({ extensions, lie }) => helloOf(extensions, lie));
/** Valid hellos with some bytes changed, removed or doubled. */
const mutated = fc
  .record({
    message: fc.oneof(fc.constantFrom(...REAL.map((hello) => hello.subarray(5))), grammar),
    changes: fc.array(fc.tuple(fc.nat(2000), fc.nat(255), fc.constantFrom('set', 'cut', 'double')), { maxLength: 3 }),
    size: fc.oneof(fc.constantFrom(1 << 14, 1), fc.integer({ min: 1, max: 600 })),
    after: fc.boolean(),
  })
  .map(({ message, changes, size, after }) => {
    // Change it before or after it is split into records.
    const change = (bytes: Buffer): Buffer => changes.reduce<Buffer>(changed, bytes);
    return after ? change(inRecords(message, size)) : inRecords(change(Buffer.from(message)), size);
  });

function changed(bytes: Buffer, [place, value, how]: [number, number, string]): Buffer {
  const at = bytes.length === 0 ? 0 : place % bytes.length;
  const now = Buffer.from(bytes);
  if (how === 'set' && now.length > 0) now[at] = value;
  if (how === 'cut') return Buffer.concat([now.subarray(0, at), now.subarray(at + 1 + (value % 4))]);
  if (how === 'double') return Buffer.concat([now.subarray(0, at), now.subarray(at, at + value), now.subarray(at)]);
  return now;
}

test(`whatever comes, in whatever pieces: no throw, and one answer (${RUNS} inputs)`, () => {
  const counts = { hello: 0, more: 0, no_tls: 0 };
  const inputs = fc.oneof(
    { weight: 9, arbitrary: mutated },
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(inputs, (bytes) => {
      const before = Buffer.from(bytes);
      counts[read(bytes).kind]++;
      assert.deepEqual(bytes, before);
    }),
    { numRuns: RUNS },
  );
  // The fuzzing must reach every kind of result.
  for (const count of Object.values(counts)) assert.ok(count > RUNS / 50, JSON.stringify(counts));
  assert.equal(read(FIRST).kind, 'hello');
});

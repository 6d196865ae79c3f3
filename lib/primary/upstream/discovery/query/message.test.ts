// What queries look like and what is read from answers, also from hostile ones.
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type QueryType, queryFor, read } from './message.ts';

const query = (type: QueryType, name = '_x._tcp.Web.test.'): Buffer => queryFor(name, type, 0xabcd) ?? Buffer.alloc(0);
const QUESTION = query('SRV');
/** Of the question's name, of `_tcp.Web.test` in it, and of `Web.test`. */
const NAME = Buffer.from([0xc0, 12]);
const [TCP, WEB] = [
  [0xc0, 15],
  [0xc0, 20],
];
const ROOT = Buffer.from([0]);

interface Parts {
  readonly id?: number;
  readonly flags?: number;
  readonly count?: number;
  readonly question?: Buffer;
  readonly records?: readonly Buffer[];
  readonly authority?: readonly Buffer[];
  readonly more?: readonly Buffer[];
}

function message({ id = 0xabcd, flags = 0x8180, count, question, ...parts }: Parts = {}): Buffer {
  const { records = [srv()], authority = [], more = [] } = parts;
  const header = Buffer.alloc(12);
  const numbers = [id, flags, 1, count ?? records.length, authority.length, more.length];
  numbers.forEach((number, i) => header.writeUInt16BE(number, 2 * i));
  return Buffer.concat([header, question ?? QUESTION.subarray(12, -11), ...records, ...authority, ...more]);
}

function record(
  type: number,
  data: readonly number[],
  { ttl = 60, name = NAME, inClass = 1 }: { ttl?: number; name?: Buffer; inClass?: number } = {},
): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(inClass, 2);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([name, head, Buffer.from(data)]);
}

function srv(ttl = 60, target: readonly number[] = [1, 97, ...WEB], more = {}): Buffer {
  return record(33, [0, 1, 0, 2, 31, 144, ...target], { ttl, ...more });
}

const named = (label: string, rest: readonly number[] = WEB): Buffer =>
  Buffer.from([label.length, ...Buffer.from(label), ...rest]);

test('a plain answer is read, and the shortest time counts', () => {
  const answer = read(message({ records: [srv(60), srv(7, [1, 98, 0]), srv(2 ** 31 - 1)] }), QUESTION);
  assert.deepEqual(answer, {
    services: ['a.Web.test', 'b', 'a.Web.test'].map((name) => ({ name, priority: 1, weight: 2, port: 8080 })),
    ips: [],
    ttlSeconds: 7,
    along: new Map(),
  });
  const root = read(message({ records: [srv(2 ** 31, [0])] }), QUESTION);
  assert.deepEqual(root, {
    services: [{ name: '', priority: 1, weight: 2, port: 8080 }],
    ips: [],
    ttlSeconds: 0,
    along: new Map(),
  });
});

test('addresses are read, of either family, and aliases are followed in their order', () => {
  const six = [0x20, 1, 0xd, 0xb8, ...Array.from({ length: 11 }, () => 0), 1];
  const says = (type: QueryType, ...records: Buffer[]): unknown => {
    const asked = query(type);
    const answer = read(message({ question: asked.subarray(12, -11), records }), asked);
    return typeof answer === 'string' ? answer : [...answer.ips, answer.ttlSeconds];
  };
  assert.deepEqual(says('A', record(1, [10, 0, 0, 1]), record(1, [10, 0, 0, 2], { ttl: 9 })), [
    '10.0.0.1',
    '10.0.0.2',
    9,
  ]);
  assert.deepEqual(says('AAAA', record(28, six)), ['2001:db8::1', 60]);
  const mapped = [...Array.from({ length: 10 }, () => 0), 255, 255, 10, 0, 0, 1];
  assert.deepEqual(says('AAAA', record(28, mapped)), ['::ffff:10.0.0.1', 60], 'as c-ares writes it');
  const alias = record(5, [...named('z')], { ttl: 5 });
  const its = record(1, [10, 0, 0, 3], { name: named('Z') });
  assert.deepEqual(says('A', alias, its), ['10.0.0.3', 5]);
  assert.deepEqual(says('A', its), 'unclear', 'an address of another name');
  assert.deepEqual(says('A', its, alias), 'unclear');
  assert.deepEqual(says('A', alias), 'ENODATA', 'an alias of a name without an address');
  assert.deepEqual(says('A', record(1, [10, 0, 0, 1], { inClass: 3 })), 'ENODATA');
  assert.deepEqual(says('A', record(16, [0])), 'ENODATA');
  assert.deepEqual(says('A', record(1, [10, 0, 0])), 'unclear');
  assert.deepEqual(says('AAAA', record(28, six.slice(1))), 'unclear');
});

test('addresses of the targets that come along are told, and no others', () => {
  const along = (parts: Parts): unknown => {
    const answer = read(message(parts), QUESTION);
    assert.ok(typeof answer !== 'string');
    return [...answer.along].map(([name, { ips, ttlSeconds }]) => [name, ...ips, ttlSeconds]);
  };
  const at = (label: string, last: number, ttl = 60): Buffer =>
    record(1, [10, 0, 0, last], { name: named(label), ttl });
  const loopback = record(28, [...Array.from({ length: 15 }, () => 0), 1], { name: named('a'), ttl: 3 });
  const opt = record(41, [], { name: ROOT, inClass: 1232 });
  assert.deepEqual(along({ more: [at('A', 1), loopback, at('a', 2), at('foreign', 3), opt] }), [
    ['a.web.test', '10.0.0.1', '::1', '10.0.0.2', 3],
  ]);
  const ns = record(2, [...named('a')], { name: Buffer.from(TCP) });
  assert.deepEqual(along({ authority: [ns, at('a', 1)], more: [at('a', 2)] }), [['a.web.test', '10.0.0.2', 60]]);
  assert.deepEqual(along({ more: [at('a', 1), Buffer.from([0xc0])] }), [], 'what cannot be read to its end');
  assert.deepEqual(along({ more: [record(1, [10, 0, 0], { name: named('a') })] }), []);
});

test('an answer to something else is foreign, and one that is not plain is unclear', () => {
  const says = (parts: Parts): unknown => read(message(parts), QUESTION);
  assert.equal(says({ id: 1 }), 'foreign');
  assert.equal(says({ question: query('SRV', '_y._tcp.web.test').subarray(12, -11) }), 'foreign');
  assert.equal(says({ question: query('A').subarray(12, -11) }), 'foreign');
  // Pointers to pointers; the first one is behind the record's head.
  const pointerTo = (place: number): number[] => [0xc0 | (place >> 8), place & 255];
  const first = QUESTION.length - 11 + 12;
  const pointers = Array.from({ length: 130 }, (_, i) => pointerTo(i === 0 ? 12 : first + 2 * (i - 1)));
  const unclear: readonly Parts[] = [
    { flags: 0x0100 },
    { flags: 0x8181 },
    { count: 2 },
    { records: [srv(1, [0xc0, 43 + 12])] },
    { records: [srv(1, [0xc0, 3])] },
    { records: [srv(1, [1, 46, 0])] },
    { records: [srv(1, [70, 0])] },
    { records: [srv(1, [])] },
    { records: [srv(1, [0], { name: named('y') })] },
    { records: [record(16, pointers.flat()), srv(1, pointerTo(first + 2 * 129))] },
  ];
  for (const [i, parts] of unclear.entries()) assert.equal(says(parts), 'unclear', String(i));
  const fewer = read(message({ records: [record(16, pointers.flat()), srv(1, pointerTo(first + 2 * 100))] }), QUESTION);
  assert.ok(typeof fewer !== 'string' && fewer.services[0]?.name === '_x._tcp.Web.test');
  assert.equal(says({ records: [] }), 'ENODATA');
  assert.equal(says({ flags: 0x8183 }), 'ENOTFOUND');
  for (const code of [0, 3]) assert.equal(says({ flags: 0x8380 | code, records: [] }), 'truncated');
  for (const code of [2, 4, 5]) assert.equal(says({ flags: 0x8180 | code }), 'failed');
  const bare = (flags: number): unknown => {
    const header = Buffer.alloc(12);
    [0xabcd, flags].forEach((number, i) => header.writeUInt16BE(number, 2 * i));
    return read(header, QUESTION);
  };
  assert.deepEqual(
    [0x8181, 0x8182, 0x8184, 0x8185, 0x8180, 0x8183, 0x0101].map(bare),
    ['unclear', 'failed', 'failed', 'failed', 'foreign', 'foreign', 'unclear'],
    'without a question only an error is taken',
  );
  for (const name of ['', 'a..b', 'a b', 'ä', 'a'.repeat(64), `${'a.'.repeat(127)}b`])
    assert.equal(queryFor(name, 'SRV', 1), null, name);
});

test('whatever comes is read to its end, and never beyond', () => {
  const records = Array.from({ length: 4 }, (_, i) => srv(i));
  const more = [
    record(1, [10, 0, 0, 1], { name: named('a') }),
    record(
      28,
      Array.from({ length: 16 }, () => 7),
      { name: named('a') },
    ),
  ];
  const asked = query('A');
  const both = [
    [message({ records, authority: [record(2, [...named('a')])], more }), QUESTION],
    [
      message({
        question: asked.subarray(12, -11),
        records: [record(5, [...named('z')]), record(1, [10, 0, 0, 3], { name: named('z') })],
      }),
      asked,
    ],
  ] as const;
  const look = (bytes: Buffer, question: Buffer): void => {
    const answer = read(bytes, question);
    if (typeof answer === 'string') return;
    const all = [answer, ...answer.along.values()];
    for (const { ips, ttlSeconds } of all) {
      for (const ip of ips) assert.notEqual(isIP(ip), 0, ip);
      assert.ok(ttlSeconds >= 0 && ttlSeconds < 2 ** 31);
    }
    for (const { name, port, weight, priority } of answer.services) {
      assert.match(name, /^([A-Za-z0-9_-]{1,63}(\.|$))*$/);
      for (const number of [port, weight, priority]) assert.ok(number >= 0 && number <= 65_535);
    }
  };
  for (const [valid, question] of both) {
    const mutant = fc
      .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 })
      .chain((changes) => fc.nat(valid.length).map((length) => ({ changes, length })));
    assert.notEqual(typeof read(valid, question), 'string');
    fc.assert(
      fc.property(mutant, ({ changes, length }) => {
        const bytes = Buffer.from(valid);
        for (const [at, byte] of changes) bytes[at] = byte;
        look(bytes, question);
        look(bytes.subarray(0, length), question);
      }),
      { numRuns: 10_000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => look(Buffer.from(bytes), question)));
  }
});

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { serverDns } from './dns.ts';
import { srvAnswer, srvQuestion } from './srv-message.ts';

const QUESTION = srvQuestion('_x._tcp.Web.test.', 0xabcd) ?? Buffer.alloc(0);

interface Parts {
  readonly id?: number;
  readonly flags?: number;
  readonly count?: number;
  readonly question?: Buffer;
  readonly records?: readonly Buffer[];
}

function message({ id = 0xabcd, flags = 0x8180, count, question, records = [record()] }: Parts = {}): Buffer {
  const header = Buffer.alloc(12);
  [id, flags, 1, count ?? records.length].forEach((number, i) => header.writeUInt16BE(number, 2 * i));
  return Buffer.concat([header, question ?? QUESTION.subarray(12, -11), ...records]);
}

/** `_tcp.Web.test` and its prefix: pointers into the question. */
function record(ttl = 60, target = Buffer.from([1, 97, 0xc0, 20]), type = 33): Buffer {
  const head = Buffer.alloc(12);
  [0xc00c, type, 1].forEach((number, i) => head.writeUInt16BE(number, 2 * i));
  head.writeUInt32BE(ttl, 6);
  const data = Buffer.concat([Buffer.from([0, 1, 0, 2, 31, 144]), target]);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

test('a plain answer is read, and the shortest time counts', () => {
  const answer = srvAnswer(
    message({ records: [record(60), record(7, Buffer.from([1, 98, 0])), record(2 ** 31 - 1)] }),
    QUESTION,
  );
  assert.deepEqual(answer, {
    records: ['a.Web.test', 'b', 'a.Web.test'].map((name) => ({ name, priority: 1, weight: 2, port: 8080 })),
    ttlSeconds: 7,
  });
  const root = srvAnswer(message({ records: [record(2 ** 31, Buffer.from([0]))] }), QUESTION);
  assert.deepEqual(root, { records: [{ name: '', priority: 1, weight: 2, port: 8080 }], ttlSeconds: 0 });
});

test('an answer to something else is foreign, and one that is not plain is unclear', () => {
  const says = (parts: Parts): unknown => srvAnswer(message(parts), QUESTION);
  assert.equal(says({ id: 1 }), 'foreign');
  assert.equal(says({ question: (srvQuestion('_y._tcp.web.test', 1) ?? QUESTION).subarray(12, -11) }), 'foreign');
  const unclear: readonly Parts[] = [
    { flags: 0x0100 },
    { flags: 0x8380 },
    { flags: 0x8183 },
    { flags: 0x8182 },
    { records: [] },
    { count: 2 },
    { records: [record(1, Buffer.from([0xc0, 43 + 12]))] },
    { records: [record(1, Buffer.from([0xc0, 3]))] },
    { records: [record(1, Buffer.from([1, 46, 0]))] },
    { records: [record(1, Buffer.from([70, 0]))] },
    { records: [record(1, Buffer.alloc(0))] },
    { records: [record(1, Buffer.from([0]), 5)] },
  ];
  for (const [i, parts] of unclear.entries()) assert.equal(says(parts), 'unclear', String(i));
  for (const name of ['', 'a..b', 'a b', 'ä', 'a'.repeat(64), `${'a.'.repeat(127)}b`])
    assert.equal(srvQuestion(name, 1), null, name);
});

test('whatever comes is read to its end, and never beyond', () => {
  const valid = message({ records: Array.from({ length: 5 }, (_, i) => record(i)) });
  const mutant = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 })
    .chain((changes) => fc.nat(valid.length).map((length) => ({ changes, length })));
  const look = (bytes: Buffer): void => {
    const answer = srvAnswer(bytes, QUESTION);
    if (typeof answer === 'string') return;
    for (const { name, port, weight, priority } of answer.records) {
      assert.match(name, /^([A-Za-z0-9_-]{1,63}(\.|$))*$/);
      for (const number of [port, weight, priority]) assert.ok(number >= 0 && number <= 65_535);
    }
  };
  fc.assert(
    fc.property(mutant, ({ changes, length }) => {
      const bytes = Buffer.from(valid);
      for (const [at, byte] of changes) bytes[at] = byte;
      look(bytes);
      look(bytes.subarray(0, length));
    }),
    { numRuns: 20_000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => look(Buffer.from(bytes))));
});

test('a name server is asked, how long its records live is told, and nothing is left open', async () => {
  const server = createSocket('udp4', (query, from) => {
    const end = query.length - 11;
    const answer = message({ id: query.readUInt16BE(0), question: query.subarray(12, end), records: [record(9)] });
    server.send(message({ id: query.readUInt16BE(0) ^ 1 }), from.port, from.address);
    server.send(answer, from.port, from.address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const dns = serverDns([`127.0.0.1:${server.address().port}`]);
  assert.deepEqual(await dns.services('_x._tcp.Web.test'), {
    records: [{ name: 'a.Web.test', priority: 1, weight: 2, port: 8080 }],
    ttlMs: 9000,
  });
  server.close();
  await assert.rejects(dns.services('_x._tcp.Web.test'), { code: 'ECONNREFUSED' });
  dns.close();
});

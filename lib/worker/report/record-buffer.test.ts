import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';

import { CONNECT_FAILURES } from '../../engine/engine.ts';
import { MAX_RECORD_BYTES } from '../../ipc/records.ts';
import { FAILED, REASONS } from '../../ipc/reasons.ts';
import type { Ended } from './record-buffer.ts';
import { MAX_TRIED, createRecordBuffer } from './record-buffer.ts';

const count = fc.oneof(
  fc.nat(1000),
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31),
);
const ms = fc.oneof(
  fc.double({ min: 0, max: 10, noNaN: true }),
  fc.double({ min: 0, max: 1e12, noNaN: true }),
  fc.constantFrom(0, 0.0004, 0.9996, 1, 999.9999, 2_147_483.647, 2_147_483.648),
);
/** Paths of Unix sockets may contain anything; cut to one byte, the last two characters are a quote and a line feed. */
const PATHS = ['/run/a"b.sock', '/run/a\\b.sock', '/run/데.sock', '/run/\u0122,\u010a'];
const failed = fc.record(
  {
    backend: fc.constantFrom('10.0.0.1:5432', '[::1]:80', `${'y'.repeat(253)}:65535`, ...PATHS),
    cause: fc.constantFrom(...CONNECT_FAILURES),
  },
  { noNullPrototype: true },
);
const ended: fc.Arbitrary<Ended> = fc.record({
  client: fc.oneof(
    fc.tuple(fc.ipV4(), fc.nat(65_535)).map(([ip, port]) => `${ip}:${port}`),
    fc.tuple(fc.ipV6(), fc.nat(65_535)).map(([ip, port]) => `[${ip}]:${port}`),
    fc.constant(''),
  ),
  service: fc.constantFrom('default', 'web', '데이터베이스', 'x'.repeat(64), ...PATHS),
  backend: fc.constantFrom(null, 'web', '10.0.0.1:5432', '[::1]:80', `${'y'.repeat(253)}:65535`, ...PATHS),
  attempts: fc.integer({ min: MAX_TRIED + 1, max: 1024 }),
  tried: fc.option(fc.array(failed, { minLength: 1, maxLength: MAX_TRIED })),
  uniqueId: fc.constantFrom(null, '0123456789abcdef-zz'),
  connectMs: fc.option(ms),
  durationMs: ms,
  bytesIn: count,
  bytesOut: count,
  reason: fc.constantFrom(...REASONS),
});
const now = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 4e12 }));

const LONG: Ended = {
  client: '1'.repeat(MAX_RECORD_BYTES - 1000),
  service: 'web',
  backend: null,
  attempts: 1,
  tried: null,
  uniqueId: null,
  connectMs: null,
  durationMs: 0,
  bytesIn: 0,
  bytesOut: 0,
  reason: 'idle',
};

test('each connection is one line of the log, with its figures', () => {
  const buffer = createRecordBuffer();
  fc.assert(
    fc.property(fc.array(fc.tuple(ended, now), { maxLength: 20 }), (all) => {
      for (const [it, at] of all) buffer.add(it, at);
      assert.equal(buffer.count, all.length);
      const text = buffer.take().toString();
      assert.equal(buffer.count, 0);
      const lines = text.split('\n');
      assert.equal(lines.pop(), '');
      assert.equal(lines.length, all.length);
      for (const [i, [it, at]] of all.entries()) {
        const line = lines[i] ?? '';
        const record: unknown = JSON.parse(line);
        assert.equal(
          JSON.stringify(record),
          line.replaceAll(/(_ms":\d+)(\.\d*?)0+([,}])/g, '$1$2$3').replaceAll('.,', ','),
        );
        const { fields } = record as { fields: { connect_ms: number | null; duration_ms: number } };
        near(fields.duration_ms, it.durationMs);
        if (it.connectMs === null) assert.equal(fields.connect_ms, null);
        else near(fields.connect_ms ?? NaN, it.connectMs);
        assert.deepEqual(record, {
          timestamp: new Date(at).toISOString(),
          level: FAILED.has(it.reason) ? 'WARN' : 'INFO',
          message: `connection ended: ${it.reason}`,
          module: 'connection',
          event: 'connection.ended',
          fields: {
            client: it.client,
            service: it.service,
            backend: it.backend,
            attempts: it.attempts,
            ...triedFields(it),
            ...(it.uniqueId === null ? {} : { unique_id: it.uniqueId }),
            connect_ms: fields.connect_ms,
            duration_ms: fields.duration_ms,
            bytes_in: it.bytesIn,
            bytes_out: it.bytesOut,
            reason: it.reason,
          },
        });
      }
    }),
  );
});

/** No fields if no attempt failed. */
function triedFields({ tried, attempts, backend }: Ended): object {
  if (tried === null) return {};
  const more = attempts - (backend === null ? 0 : 1) - tried.length;
  return more > 0 ? { tried, tried_more: more } : { tried };
}

/** Records have microsecond precision. */
function near(reported: number, value: number): void {
  assert.ok(Math.abs(reported - value) <= 0.0006 + value * 1e-12, `${reported} for ${value}`);
}

test('a line that names as many failed tries as may be is no longer than a line may be', () => {
  const buffer = createRecordBuffer();
  const longest = { backend: `${'y'.repeat(253)}:65535`, cause: 'unreachable' } as const;
  buffer.add(
    {
      client: '[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535',
      service: '데'.repeat(64),
      backend: longest.backend,
      attempts: 1024,
      tried: Array.from({ length: MAX_TRIED }, () => longest),
      uniqueId: 'x'.repeat(128),
      connectMs: 1e12,
      durationMs: 1e12,
      bytesIn: Number.MAX_SAFE_INTEGER,
      bytesOut: Number.MAX_SAFE_INTEGER,
      reason: 'connect_failed',
    },
    0,
  );
  assert.ok(buffer.take().length < MAX_RECORD_BYTES / 2);
});

test('a line that another worker has filled with names lists fewer tries, and is no longer than a line may be', () => {
  const buffer = createRecordBuffer();
  const name = '\u0001'.repeat(512);
  const tried = Array.from({ length: MAX_TRIED }, () => ({ backend: name, cause: 'unreachable' }) as const);
  const it = { ...LONG, client: '127.0.0.1:1', service: name, backend: name, attempts: MAX_TRIED + 1, tried };
  buffer.add(it, 0);
  const line = buffer.take();
  assert.ok(line.length < MAX_RECORD_BYTES);
  const { fields } = JSON.parse(line.toString()) as { fields: { tried: unknown[]; tried_more: number } };
  assert.deepEqual(fields.tried, [tried[0]]);
  assert.equal(fields.tried_more, MAX_TRIED - 1);
});

test('names that were forgotten are learned again', () => {
  const buffer = createRecordBuffer();
  const it = { ...LONG, backend: 'a', tried: [{ backend: 'b', cause: 'refused' }] } as const;
  buffer.add(it, 0);
  const line = buffer.take().toString();
  for (const name of ['a', 'b', 'c']) buffer.forget('web', name);
  buffer.add(it, 0);
  assert.equal(buffer.take().toString(), line);
});

test('it is full while the longest record still fits', () => {
  const buffer = createRecordBuffer();
  while (!buffer.full) buffer.add(LONG, 0);
  const { count: lines } = buffer;
  const text = buffer.take().toString();
  assert.equal(text.match(/1{15384}/g)?.length, lines);
  assert.ok(text.endsWith('}}\n'));
  assert.ok(!buffer.full);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ipv4Text } from '../../../config/ip.ts';
import { networksOf } from '../../../config/networks.ts';
import { INSPECTIONS, type InspectionCode } from '../../engine/engine.ts';
import { helloFor } from '../../testing/hello.ts';
import { LONGEST_HELLO } from '../../tls/client-hello.ts';
import { createFirstBytes } from './first-bytes.ts';
import { createRoutes } from './routes.ts';

const ROUTES = createRoutes([
  { service: 1, names: ['a.test'], protocols: [] },
  { service: 2, names: [], protocols: ['h2'] },
]);
const WITH_REST = createRoutes([
  { service: 1, names: ['a.test'], protocols: [] },
  { service: 9, names: [], protocols: [] },
]);
const ID = 5;
const ownIp = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1);

interface Seen {
  readonly answer: string;
  /** The bytes left for the backend. */
  readonly rest: string;
  /** What became known, in order. */
  readonly extensions: readonly string[];
}

/** Acts as an engine: shows all bytes with each new piece, and the remaining ones again after some are taken. */
function play(
  pieces: readonly Uint8Array[],
  last: 'bytes' | 'ended' | 'late',
  routes: typeof ROUTES | null = ROUTES,
  isProxy = false,
): Seen {
  const extensions: string[] = [];
  let bytes: Uint8Array = Buffer.alloc(0);
  const first = createFirstBytes({
    clientIp: () => ownIp,
    take: (_, count) => (bytes = bytes.subarray(count)),
    setClient: (_, ip, port) => void extensions.push(`client ${ipv4Text(ip, 12)} ${port}`),
    conveyed: (_, { extensions: its }) => its.authority !== null && extensions.push(`authority ${its.authority}`),
    routed: (_, service, name) => void extensions.push(`service ${service} ${name}`),
  });
  first.accepted(ID, { proxies: isProxy ? networksOf(['10.0.0.0/8']) : null, routes });
  assert.equal(first.isAwaited(ID), true);
  const look = (kind: (typeof INSPECTIONS)[number]): string => {
    for (;;) {
      const { length } = bytes;
      if (length === 0 && kind === 'bytes') return 'more';
      const code = (length >= LONGEST_HELLO ? 1 : INSPECTIONS.indexOf(kind)) as InspectionCode;
      const answer = first.look(ID, bytes.subarray(0, LONGEST_HELLO), code);
      if (answer !== 'more' || bytes.length === length) return answer;
    }
  };
  let answer = 'more';
  for (const piece of pieces) {
    bytes = Buffer.concat([bytes, piece]);
    if (answer === 'more') answer = look('bytes');
  }
  if (answer === 'more' && last !== 'bytes') answer = look(last);
  if (answer === 'known') assert.equal(first.isAwaited(ID), false);
  first.forget(ID);
  assert.equal(first.isAwaited(ID), false);
  return { answer, rest: Buffer.from(bytes).toString('latin1'), extensions };
}

const piecesOf = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

test('whatever pieces a hello comes in, its service is known with its last byte, and no byte is taken', () => {
  for (const padding of [0, 1800, 15_000]) {
    const hello = helloFor('A.test', ['http/1.1'], padding);
    for (const size of padding === 0 ? [1, 2, 7, 100, 20_000] : [97, 1448, 20_000]) {
      const whole = play(piecesOf(hello, size), 'bytes');
      assert.deepEqual(whole, { answer: 'known', rest: hello.toString('latin1'), extensions: ['service 1 A.test'] });
      const short = piecesOf(hello.subarray(0, -1), size);
      assert.deepEqual(play(short, 'bytes').answer, 'more');
      assert.deepEqual(play(short, 'late').answer, 'first_bytes_timeout');
    }
  }
  const early = Buffer.concat([helloFor(null, ['h2']), Buffer.from('early data')]);
  assert.deepEqual(play([early], 'bytes'), {
    answer: 'known',
    rest: early.toString('latin1'),
    extensions: ['service 2 null'],
  });
});

test('what is no hello, and will not become one, goes to the service for the rest, or nowhere', () => {
  const endless = Buffer.concat([helloFor('a.test', [], 15_000).subarray(0, 9000), Buffer.alloc(9000)]);
  endless.writeUInt16BE(16_384, 3);
  endless.writeUInt16BE(16_380, 7);
  for (const [bytes, last] of [
    [Buffer.from('GET / HTTP/1.1\r\n'), 'bytes'],
    [Buffer.from('\0'), 'bytes'],
    [Buffer.from([22, 3, 1]), 'ended'],
    [helloFor('a.test').subarray(0, 50), 'ended'],
    [endless, 'bytes'],
  ] as const) {
    const rest = bytes.toString('latin1');
    assert.deepEqual(play([bytes], last), { answer: 'no_route', rest, extensions: [] });
    assert.deepEqual(play([bytes], last, WITH_REST), { answer: 'known', rest, extensions: ['service 9 null'] });
  }
  assert.equal(play([helloFor('b.test')], 'bytes').answer, 'no_route');
  for (const routes of [ROUTES, WITH_REST]) {
    assert.equal(play([], 'ended', routes).answer, 'client_gone', 'it only wanted to know whether anybody is here');
    assert.equal(play([], 'late', routes).answer, 'first_bytes_timeout');
    assert.equal(play([Buffer.from([22])], 'late', routes).answer, 'first_bytes_timeout');
  }
});

const HEADER = 'PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\n';

test('a PROXY header comes before the hello, and only the header is taken', () => {
  const hello = helloFor('a.test');
  const both = Buffer.concat([Buffer.from(HEADER), hello]);
  const extensions = ['client 203.0.113.9 4711', 'service 1 a.test'];
  for (const size of [1, 20, HEADER.length, HEADER.length + 1, both.length]) {
    assert.deepEqual(play(piecesOf(both, size), 'bytes', ROUTES, true), {
      answer: 'known',
      rest: hello.toString('latin1'),
      extensions,
    });
  }
  assert.equal(play([Buffer.from(HEADER)], 'late', ROUTES, true).answer, 'first_bytes_timeout');
  assert.equal(play([Buffer.from(HEADER)], 'ended', ROUTES, true).answer, 'client_gone');
  assert.equal(play([hello], 'bytes', ROUTES, true).answer, 'bad_proxy_header');
  assert.deepEqual(
    play([both], 'bytes', null, true).extensions,
    ['client 203.0.113.9 4711'],
    'nobody asks for a hello',
  );
});

test('whatever comes, in whatever pieces, has one answer, and loses no byte', () => {
  const real = [helloFor('a.test'), helloFor('b.test', ['h2']), helloFor(null), Buffer.from(`${HEADER}x`)];
  const mutated = fc
    .tuple(fc.constantFrom(...real), fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 3 }), fc.nat(300))
    .map(([bytes, changes, length]) => {
      const copy = Buffer.from(bytes.subarray(0, Math.max(1, length)));
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      return copy;
    });
  fc.assert(
    fc.property(mutated, fc.integer({ min: 1, max: 64 }), fc.boolean(), (bytes, size, isProxy) => {
      const whole = play([bytes], 'late', WITH_REST, isProxy);
      const pieces = play(piecesOf(bytes, size), 'late', WITH_REST, isProxy);
      assert.deepEqual(pieces, whole);
      assert.ok(bytes.toString('latin1').endsWith(whole.rest));
      if (!isProxy) assert.equal(whole.rest.length, bytes.length);
    }),
    { numRuns: process.env['BAL_SOAK'] === 'long' ? 200_000 : 2000 },
  );
});

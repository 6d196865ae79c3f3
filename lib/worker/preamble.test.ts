import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { NO_EXTENSIONS } from '../proxy-protocol/header.ts';
import { parseHeader, type Header } from '../proxy-protocol/parse.ts';
import { end } from '../testing/end.ts';
import type { Endpoint } from './balance/endpoints.ts';
import { createPreambles } from './preamble.ts';

function endpoint(sendProxy: Endpoint['sendProxy']): Endpoint {
  return { sendProxy } as Endpoint;
}

function scene() {
  const uniqueId: (string | undefined)[] = [];
  const preambles = createPreambles({
    connections: { uniqueId },
    ends: (connection) => ({ client: end(`203.0.113.9:${connection}`), local: end('10.0.0.1:443') }),
  });
  function headerOf(connection: number, version: 'v1' | 'v2'): Header {
    const parsed = parseHeader(Buffer.from(preambles.of(connection, endpoint(version)) ?? []));
    assert.ok(parsed.kind === 'header');
    return parsed;
  }
  return { preambles, headerOf };
}

const CONVEYED = {
  ends: {
    client: { ip: '203.0.113.9', port: 1 },
    clientIp: new Uint8Array(16),
    destination: { ip: '2001:db8::1', port: 8443 },
  },
  extensions: { uniqueId: 'from-before', authority: 'www.example' },
};

test('a backend that wants to be told nothing is told nothing', () => {
  const { preambles } = scene();
  assert.equal(preambles.of(1, endpoint('none')), null);
  assert.equal(preambles.of(1, undefined), null);
  assert.equal(preambles.nameOf(1), null);
});

test('a connection keeps its name, however often it is asked for, and no other one gets it', () => {
  const { preambles, headerOf } = scene();
  const first = headerOf(1, 'v2').extensions.uniqueId;
  assert.match(first ?? '', /^[0-9a-f]{16}-\w+$/);
  assert.deepEqual([headerOf(1, 'v2').extensions.uniqueId, preambles.nameOf(1)], [first, first]);
  assert.notEqual(headerOf(2, 'v2').extensions.uniqueId, first);
  preambles.forget(1);
  assert.equal(preambles.nameOf(1), null);
  assert.notEqual(headerOf(1, 'v2').extensions.uniqueId, first);
});

test('what a proxy has said is said on, until the connection is over', () => {
  const { preambles, headerOf } = scene();
  preambles.conveyed(1, CONVEYED);
  const { ends, extensions } = headerOf(1, 'v2');
  assert.deepEqual([ends?.client, ends?.destination], [CONVEYED.ends.client, CONVEYED.ends.destination]);
  assert.deepEqual([extensions, preambles.nameOf(1)], [CONVEYED.extensions, 'from-before']);
  assert.deepEqual(headerOf(1, 'v1').ends?.destination, CONVEYED.ends.destination);
  preambles.forget(1);
  const next = headerOf(1, 'v2');
  assert.deepEqual([next.ends?.destination.ip, next.ends?.destination.port], ['10.0.0.1', 443]);
  assert.deepEqual([next.extensions.authority, next.extensions.uniqueId === 'from-before'], [null, false]);
});

test('a name with other characters than a log should have is said on and not shown', () => {
  const { preambles, headerOf } = scene();
  const extensions = { ...NO_EXTENSIONS, uniqueId: '"\n\x00' };
  preambles.conveyed(1, { ends: null, extensions });
  assert.deepEqual([headerOf(1, 'v2').extensions.uniqueId, preambles.nameOf(1)], [extensions.uniqueId, null]);
});

test('the server that the client itself asks for is said, whatever a proxy has said', () => {
  const { preambles, headerOf } = scene();
  preambles.asksFor(1, 'Own.example');
  assert.equal(headerOf(1, 'v2').extensions.authority, 'Own.example');
  preambles.conveyed(1, CONVEYED);
  assert.deepEqual(headerOf(1, 'v2').extensions, { ...CONVEYED.extensions, authority: 'Own.example' });
  preambles.forget(1);
  assert.equal(headerOf(1, 'v2').extensions.authority, null);
});

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { boundTcp, localPort } from '../testing/bound.ts';
import { bindTcp, peerOf, peerText, tcpHandle } from './handles.ts';

test('bindTcp() binds without listening, and says why it cannot', async () => {
  const handle = boundTcp('127.0.0.1', 0);
  const port = localPort(handle);
  assert.ok(port > 0);
  await assert.rejects(
    new Promise((_, reject) => {
      net.connect(port, '127.0.0.1').on('error', reject);
    }),
    { code: 'ECONNREFUSED' },
  );
  handle.listen(1);
  assert.deepEqual(bindTcp('127.0.0.1', port), { ok: false, code: 'EADDRINUSE' });
  assert.deepEqual(bindTcp('192.0.2.1', 0), { ok: false, code: 'EADDRNOTAVAIL' });
  handle.close();
});

test('tcpHandle() takes only what can do all that the engine needs', () => {
  const handle = boundTcp('::1', 0);
  assert.equal(tcpHandle(handle), handle);
  assert.equal(peerText(peerOf(handle)), '');
  handle.close();
  for (const other of [null, {}, 'handle', { listen: () => 0, close: () => undefined }]) {
    assert.throws(() => tcpHandle(other), /Cannot use this Node.js/);
  }
});

test('where net._createServerHandle is gone nothing can be bound, and bal says so before it serves', (t) => {
  const create: unknown = Reflect.get(net, '_createServerHandle');
  assert.equal(typeof create, 'function', 'this Node.js has it');
  t.after(() => Reflect.set(net, '_createServerHandle', create));
  Reflect.deleteProperty(net, '_createServerHandle');
  assert.throws(() => bindTcp('127.0.0.1', 0), /net\._createServerHandle is not in this Node\.js \(v/);
});

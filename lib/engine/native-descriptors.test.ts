// Tests the native engine at its descriptor limit: it serves every client that it accepts, and leaves those that it
// cannot serve to another worker.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { backend, client, echo } from '../testing/engine/peer.ts';
import type { Peer } from '../testing/engine/peer.ts';
import { until } from '../testing/engine/wait.ts';
import { boundTcp, localPort } from '../testing/bound.ts';
import { loadNativeEngine } from './native.ts';
import { host, type Hosted } from '../testing/native/hosted.ts';

const loaded = loadNativeEngine();
const skip = loaded.ok ? false : loaded.reason;

/** A client that has sent a byte, accepted or not. */
async function asking(t: TestContext, port: number): Promise<Peer> {
  return (await client(t, port)).send('.');
}

async function shortOnce(it: Hosted): Promise<void> {
  for (;;) {
    const { exhaustion } = await it.report();
    if (Object.keys(exhaustion).length > 0) return;
  }
}

test('several clients that are accepted at once with the last descriptors are all served', { skip }, async (t) => {
  const { port } = await backend(t, echo);
  const it = await host(t, [port], { descriptors: 300 });
  const peers: Peer[] = [];
  for (let i = 0; i < 250; i++) peers.push(await asking(t, it.port));
  await shortOnce(it);
  const served = (): Peer[] => peers.filter((peer) => peer.received > 0);
  for (let wave = 0; wave < 5; wave++) {
    const before = served().length;
    // The oldest connections have the lowest descriptors, so those are free again while all above are in use.
    const leaving = served().filter((peer) => !peer.socket.destroyed);
    for (const peer of leaving.slice(0, 12)) peer.socket.destroy();
    await until(() => served().length >= before + 12, 'as many as have left are served');
  }
  const { ends } = await it.report();
  assert.deepEqual(Object.keys(ends), ['client_closed'], 'nobody was turned away');
});

// Two cases, because one or no descriptor may be left over.
for (const descriptors of [60, 61]) {
  test(`a client does not wait for a worker whose ${descriptors} descriptors are used up`, { skip }, async (t) => {
    const { port } = await backend(t, echo);
    const handle = boundTcp('127.0.0.1', 0);
    t.after(() => handle.close());
    const at = localPort(handle);
    const full = await host(t, [port], { descriptors, handle });
    const peers: Peer[] = [];
    for (let i = 0; i < 40; i++) peers.push(await asking(t, at));
    await shortOnce(full);
    const other = await host(t, [port], { handle });
    await until(() => peers.every((peer) => peer.received > 0), 'the other worker serves those that were left');
    // One by one, so that none is served just because the next one woke a worker.
    for (let i = 0; i < 40; i++) await (await asking(t, at)).bytes(1);
    const { accepted } = await other.report();
    assert.ok(accepted >= 40, `the other worker accepted ${accepted}`);
    assert.deepEqual((await full.report()).ends, {}, 'nobody was turned away');
  });
}

test('there is room for many descriptors before they come, and none is left open for it', { skip }, async () => {
  assert.ok(loaded.ok);
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity);
  const room = (): number => Number(/^FDSize:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  const open = (): number => readdirSync('/proc/self/fd').length;
  const before = open();
  loaded.makeRoom();
  await until(() => room() >= Math.min(limit, 16_384), 'the table is large');
  await until(() => open() <= before, 'what made it so is closed');
});

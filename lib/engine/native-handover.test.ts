// Tests handovers to an engine with a loop of its own: in another process, with copies of the descriptors, and in
// another thread. Node cannot send descriptors over a Unix socket, so a process inherits them at start.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { holdsBytes, scene } from '../testing/engine/handover.ts';
import { receivePattern, sendPattern } from '../testing/engine/pattern.ts';
import { rig } from '../testing/engine/rig.ts';
import { backend, client, echo } from '../testing/engine/peer.ts';
import { standstill, until, within } from '../testing/engine/wait.ts';
import type { AdopterAnswer, AdopterOrder } from '../testing/native/adopter.ts';
import { noSmallBuffers, rerun, small } from '../testing/native/rerun.ts';
import type { ReleasedConnection } from './handover.ts';
import { loadNativeEngine } from './native.ts';

const loaded = loadNativeEngine();
const skip = loaded.ok ? false : loaded.reason;

/** The engine's factory. Only called in tests that are not skipped. */
function create(...args: Parameters<Extract<typeof loaded, { ok: true }>['create']>) {
  if (!loaded.ok) throw new Error('Cannot happen: the test is skipped');
  return loaded.create(...args);
}

const ADOPTER = fileURLToPath(new URL('../testing/native/adopter.js', import.meta.url));

/** A process with copies of all descriptors that adopts the connection. Resolves when it reports that it has. */
async function adoptedElsewhere(t: TestContext, { record, descriptors }: ReleasedConnection) {
  const answers: AdopterAnswer[] = [];
  const child = fork(ADOPTER, ['adopter'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...descriptors] });
  t.after(() => child.kill('SIGKILL'));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- adopter.ts sends nothing else
  child.on('message', (message) => answers.push(message as AdopterAnswer));
  const order: AdopterOrder = { record: Buffer.from(record).toString('base64'), descriptors: descriptors.length };
  child.send(order);
  await until(() => answers.length > 0, 'the other process adopts it');
  assert.deepEqual(answers, [{ kind: 'adopted', why: null }]);
  return { child, answers };
}

test('a connection goes on in another process, with what lies in its pipes', { skip }, async (t) => {
  const size = 32 * 1024 * 1024;
  const { from, pair } = await scene(t, create);
  const { peer, other, connection } = await pair();
  for (const { socket } of [peer, other]) {
    socket.pause();
    sendPattern(socket, 1, size);
  }
  await standstill(from.engine, 0);
  await standstill(from.engine, 1);
  const released = from.release(connection);
  assert.ok(holdsBytes(released));
  const { answers } = await adoptedElsewhere(t, released);
  // Close the giver's copies, as after sending them.
  for (const fd of released.descriptors) closeSync(fd);
  const received = [peer, other].map(async ({ socket }) => receivePattern(socket.resume(), 1));
  assert.deepEqual(await Promise.all(received), [size, size]);
  await until(() => answers.length > 1, 'its end is told');
  const [, ended] = answers;
  assert.ok(ended?.kind === 'ended' && /^(client|backend)_closed$/.test(ended.end));
  assert.deepEqual([ended.bytesIn, ended.bytesOut, from.engine.active], [size, size, 0]);
});

test(
  'a process that dies with a connection takes nothing along as long as another has its descriptors',
  { skip },
  async (t) => {
    const { from, to, pair } = await scene(t, create);
    const { peer, other, connection } = await pair();
    const released = from.release(connection);
    const { child } = await adoptedElsewhere(t, released);
    // The process is killed with its copies. Whoever has the others continues.
    assert.equal(await peer.send('one').bytes(0), '');
    assert.equal(await other.bytes(3), 'one');
    child.kill('SIGKILL');
    await once(child, 'exit');
    to.adopt(released);
    assert.equal(await peer.send('two').bytes(0), '');
    assert.equal(await other.bytes(6), 'onetwo');
    other.end();
    assert.equal(await peer.finish(), 'end');
  },
);

test('connections go to and fro between two threads while bytes flow', { skip }, async (t) => {
  const it = rig(t, create);
  const { port } = await backend(t, echo);
  it.engine.route(0, 0, '127.0.0.1', port);
  const at = it.listen();
  const peers = await Promise.all(Array.from({ length: 20 }, async () => client(t, at)));
  await until(() => it.connected.length === 20, 'all are connected');
  const thread = new Worker(ADOPTER, { workerData: 'adopter' });
  t.after(async () => thread.terminate());
  const failed = once(thread, 'error').then(([error]) => {
    throw error;
  });
  failed.catch(() => undefined);
  let [away, given] = [0, 0];
  let storm = true;
  const give = (): void => {
    for (const connection of storm ? it.open : []) {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      thread.postMessage(it.release(connection));
      away++;
      given++;
    }
  };
  thread.on('message', (released: ReleasedConnection) => {
    it.adopt(released);
    away--;
    setImmediate(give);
  });
  give();
  const all = peers.map(async (peer, i) => {
    const seen = receivePattern(peer.socket, i);
    const size = i % 2 === 0 ? 64 : 50_000;
    let sent = 0;
    while (given < 2000) {
      sendPattern(peer.socket, i, size, sent, false);
      sent += size;
      while (peer.received < sent) await once(peer.socket, 'data');
    }
    return { peer, seen, sent };
  });
  const done = await within(Promise.race([Promise.all(all), failed]), 'the storm is over', 60_000);
  storm = false;
  await until(() => away === 0, 'all are back');
  for (const { peer } of done) peer.end();
  for (const { seen, sent } of done) assert.equal(await seen, sent);
  await it.ends(20);
  assert.equal(
    it.ended.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
    done.reduce((sum, { sent }) => sum + sent, 0),
  );
});

/** All cases of the contract but the storm, which takes too long through small buffers. */
const PART = ['--test-name-pattern=^native: handover( refused)?$', '--test-reporter=tap'];
const CONTRACT = new URL('./contract-handover.test.js', import.meta.url);

for (const lacking of ['splice', 'splice_out']) {
  test(`without ${lacking} connections are handed over with the bytes that wait in memory`, { skip }, async () => {
    assert.equal(await rerun(CONTRACT, { BAL_NATIVE_DISABLE: lacking }, PART), '');
  });
}

test('through the smallest buffers connections are handed over', { skip: skip || noSmallBuffers() }, async () => {
  assert.equal(await rerun(CONTRACT, {}, PART, small), '');
});

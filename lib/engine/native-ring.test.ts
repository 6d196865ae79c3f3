// Tests that messages are sent together and that nobody notices. The engine runs in a process of its own, which is
// stopped while messages gather, so that it finds all of them in one round.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { backend, client, echo } from '../testing/engine/peer.ts';
import type { Backend, Peer } from '../testing/engine/peer.ts';
import { until } from '../testing/engine/wait.ts';
import { loadNativeEngine } from './native.ts';
import { host } from '../testing/native/hosted.ts';
import { linkOf } from '../testing/native/link-of.ts';
import type { Hosted } from '../testing/native/hosted.ts';

const loaded = loadNativeEngine();
const lacks = loaded.ok ? loaded.ringError() : null;
const skip = !loaded.ok ? loaded.reason : lacks !== null ? `there is no io_uring here: ${lacks}` : false;

/** How many messages have gone through the ring; −1 when the process has no ring. */
function throughRing({ process }: Hosted): number {
  const folder = `/proc/${process.pid}`;
  const fd = readdirSync(`${folder}/fd`).find((each) => linkOf(`${folder}/fd/${each}`).includes('io_uring'));
  if (fd === undefined) return -1;
  return Number(/^SqTail:\s*(\d+)$/m.exec(readFileSync(`${folder}/fdinfo/${fd}`, 'utf8'))?.[1] ?? -1);
}

/** Runs `act` while the engine is stopped, and waits until what it sent has arrived. */
async function inOneRound({ process }: Hosted, act: () => void): Promise<void> {
  process.kill('SIGSTOP');
  await until(() => /^State:\s*T/m.test(readFileSync(`/proc/${process.pid}/status`, 'utf8')), 'the engine is stopped');
  act();
  // All writes and resets of this process's sockets are done, and delivered over loopback, when this resolves.
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
  process.kill('SIGCONT');
}

/** Opens `count` clients and returns each with its backend's end. */
async function pairs(t: TestContext, it: Hosted, { peer }: Backend, count: number): Promise<[Peer, Peer][]> {
  const all: [Peer, Peer][] = [];
  for (let i = 0; i < count; i++) {
    const one = await client(t, it.port);
    await one.send(`${i}.`).bytes(0);
    const other = await peer(i);
    assert.equal(await other.bytes(`${i}.`.length), `${i}.`);
    all.push([one, other]);
  }
  return all;
}

test('messages that are there at the same time are sent together, each to whom it is for', { skip }, async (t) => {
  const { port } = await backend(t, echo);
  const it = await host(t, [port]);
  const peers: Peer[] = [];
  for (let i = 0; i < 64; i++) peers.push(await client(t, it.port));
  const expected = peers.map(() => '');
  // From one byte to more than is put aside per connection, and more in all than there is room for.
  for (const size of [1, 64, 1000, 4096, 4097, 20_000]) {
    const before = throughRing(it);
    await inOneRound(it, () => {
      for (const [i, peer] of peers.entries()) {
        const text = `${i}:`.padEnd(size, String.fromCharCode(97 + (i % 26))).slice(0, size);
        expected[i] += text;
        peer.send(text);
      }
    });
    for (const [i, peer] of peers.entries()) assert.equal(await peer.bytes(expected[i]?.length ?? 0), expected[i]);
    if (size <= 4096)
      assert.ok(throughRing(it) >= before + 32, `${size} bytes each: ${throughRing(it) - before} of 64`);
  }
  const sum = expected.join('').length;
  const { bytesIn, bytesOut } = await it.report();
  assert.deepEqual([bytesIn, bytesOut], [sum, sum]);
  for (const peer of peers) peer.end();
  for (const peer of peers) assert.equal(await peer.finish(), 'end');
  assert.equal(await it.close(), 0);
});

test('a message whose receiver has reset meanwhile is lost alone, and its sender hears of it', { skip }, async (t) => {
  const served = await backend(t);
  const it = await host(t, [served.port]);
  const all = await pairs(t, it, served, 40);
  const before = throughRing(it);
  await inOneRound(it, () => {
    for (const [i, [one, other]] of all.entries()) {
      one.send('from the client');
      if (i % 2 === 0) other.reset();
    }
  });
  for (const [i, [one, other]] of all.entries()) {
    if (i % 2 === 0) assert.equal(await one.finish(), 'reset');
    else assert.equal(await other.bytes(`${i}.from the client`.length), `${i}.from the client`);
  }
  assert.ok(throughRing(it) >= before + 10, `${throughRing(it) - before} went through the ring`);
  await until(() => all.every(([one], i) => i % 2 === 1 || one.socket.destroyed), 'the others are gone');
  const { active, ends } = await it.report();
  assert.deepEqual([active, ends], [20, { backend_reset: 20 }]);
});

test(
  'a round in which more messages fail than are told at a time ends every connection, and tells each',
  { skip },
  async (t) => {
    const served = await backend(t);
    const it = await host(t, [served.port]);
    const all = await pairs(t, it, served, 110);
    const before = throughRing(it);
    // The clients' events come first, so all messages are put aside before the resets are seen.
    await inOneRound(it, () => {
      for (const [one] of all) one.send('from the client');
      for (const [, other] of all) other.reset();
    });
    for (const [one] of all) assert.equal(await one.finish(), 'reset');
    assert.ok(throughRing(it) >= before + 65, `${throughRing(it) - before} went through the ring`);
    const { active, ends } = await it.report();
    assert.deepEqual([active, ends], [0, { backend_reset: 110 }]);
  },
);

test('messages both ways of the same connections stay in order and all arrive', { skip }, async (t) => {
  const served = await backend(t);
  const it = await host(t, [served.port]);
  const all = await pairs(t, it, served, 30);
  const [sent, answered] = [all.map((_, i) => `${i}.`), all.map(() => '')];
  for (let round = 0; round < 50; round++) {
    await inOneRound(it, () => {
      for (const [i, [one, other]] of all.entries()) {
        const text = `[${i} ${round} ${'x'.repeat((i * round) % 300)}]`;
        if ((i + round) % 3 !== 0) sent[i] += text;
        if ((i + round) % 3 !== 0) one.send(text);
        if ((i + round) % 3 !== 1) answered[i] += text;
        if ((i + round) % 3 !== 1) other.send(text);
      }
    });
  }
  for (const [i, [one, other]] of all.entries()) {
    assert.equal(await other.bytes(sent[i]?.length ?? 0), sent[i]);
    assert.equal(await one.bytes(answered[i]?.length ?? 0), answered[i]);
  }
  // The last message and the end of each connection together.
  await inOneRound(it, () => {
    for (const [one, other] of all) {
      one.send('last').end();
      other.send('last').end();
    }
  });
  for (const [i, [one, other]] of all.entries()) {
    assert.deepEqual([await one.finish(), await other.finish()], ['end', 'end']);
    assert.deepEqual([other.text, one.text], [`${sent[i]}last`, `${answered[i]}last`]);
  }
  const { active, ends } = await it.report();
  assert.deepEqual([active, Object.values(ends).reduce((sum, each) => sum + each, 0)], [0, 30]);
});

test('an engine that may not use io_uring does without', { skip }, async (t) => {
  const { port } = await backend(t, echo);
  const it = await host(t, [port], { env: { BAL_NATIVE_DISABLE: 'uring' } });
  assert.equal(throughRing(it), -1);
  const peer = await client(t, it.port);
  assert.equal(await peer.send('x').bytes(1), 'x');
});

test(
  'a ring that takes fewer messages than it is given is not used again, and none is sent twice',
  { skip },
  async (t) => {
    const { port } = await backend(t, echo);
    const it = await host(t, [port], { env: { BAL_NATIVE_DISABLE: 'uring_short' } });
    const peers: Peer[] = [];
    for (let i = 0; i < 20; i++) peers.push(await client(t, it.port));
    assert.notEqual(throughRing(it), -1);
    for (const text of ['a', 'ab', 'abc']) {
      await inOneRound(it, () => {
        for (const peer of peers) peer.send(text.at(-1) ?? '');
      });
      for (const peer of peers) assert.equal(await peer.bytes(text.length), text);
    }
    assert.equal(throughRing(it), -1);
    const { bytesIn, bytesOut } = await it.report();
    assert.deepEqual([bytesIn, bytesOut], [60, 60]);
    for (const peer of peers) assert.equal(peer.received, 3);
  },
);

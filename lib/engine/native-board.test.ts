// What workers see of each other, with engines in processes of their own that share a listening socket and a board.

import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { SEAT_BYTES, SEATS } from './board.ts';
import { backend, client, echo } from '../testing/engine/peer.ts';
import { boundTcp } from '../testing/bound.ts';
import { loadNativeEngine } from './native.ts';
import { host } from '../testing/native/hosted.ts';

const loaded = loadNativeEngine();
const skip = loaded.ok ? false : loaded.reason;

function file(t: TestContext, size: number): number {
  const path = join(tmpdir(), `bal-board-test-${process.pid}-${size}`);
  const fd = openSync(path, 'w+');
  t.after(() => closeSync(fd));
  unlinkSync(path);
  ftruncateSync(fd, size);
  return fd;
}

function endAfter(board: number, seat: number): void {
  writeSync(board, new Uint8Array(Uint32Array.of(seat + 1).buffer), 0, 4, 0);
}

/** What somebody writes who sits there, accepts, has no clients, and is woken as this thread. */
function sit(board: number, seat: number, process: number, thread: number): void {
  writeSync(board, new Uint8Array(Uint32Array.of(0, 1, process, thread).buffer), 0, 16, seat * SEAT_BYTES);
  endAfter(board, seat);
}

async function all(t: TestContext, port: number, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const peer = await client(t, port);
      assert.equal(await peer.send(`client ${i}`).bytes(`client ${i}`.length), `client ${i}`);
    }),
  );
}

test('a board that is none is an error', { skip }, (t) => {
  if (!loaded.ok) return;
  const small = file(t, (SEATS - 1) * SEAT_BYTES);
  assert.throws(() => loaded.shareBoard(small, 1, SEATS), { code: 'EINVAL' });
  assert.throws(() => loaded.shareBoard(small, SEATS, SEATS), { code: 'EINVAL' });
  assert.throws(() => loaded.shareBoard(small, 0, SEATS), TypeError);
  const none = openSync('/dev/null', 'r');
  t.after(() => closeSync(none));
  assert.throws(() => loaded.shareBoard(none, 1, SEATS), { code: 'EINVAL' });
  assert.throws(() => loaded.shareBoard(100_000, 1, SEATS), { code: 'EBADF' });
});

test('a rush of clients is dealt out evenly to those who listen', { skip }, async (t) => {
  const { port: target } = await backend(t, echo);
  const board = file(t, SEATS * SEAT_BYTES);
  endAfter(board, 3); // nobody has the third
  const handle = boundTcp('127.0.0.1', 0);
  t.after(() => handle.close());
  const first = await host(t, [target], { handle, board, seat: 1 });
  const second = await host(t, [target], { handle, board, seat: 2 });
  // One rush may find a worker that the machine lets wait for longer than clients are left to it; the next ones make up for it.
  let held = [0, 64];
  for (let rush = 1; rush <= 10; rush++) {
    await all(t, first.port, 64);
    held = [(await first.report()).active, (await second.report()).active];
    assert.equal((held[0] ?? 0) + (held[1] ?? 0), 64 * rush);
    if (Math.min(...held) >= 28 * rush) return;
  }
  assert.fail(`they hold ${held.join(' and ')}`);
});

test('a worker sees another one behind any number of seats of which nobody accepts', { skip }, async (t) => {
  const { port: target } = await backend(t, echo);
  const board = file(t, SEATS * SEAT_BYTES);
  sit(board, 39, process.pid, process.pid);
  endAfter(board, 40);
  const it = await host(t, [target], { board, seat: 40 });
  await all(t, it.port, 8);
  const called = new Uint32Array(1);
  readSync(board, called, 0, 4, 39 * SEAT_BYTES + 16);
  assert.equal(called[0], 1);
});

for (const [name, thread] of [
  ['cannot be woken', 2 ** 22 + 1],
  ['does not come', process.pid],
] as const) {
  test(`clients left to a worker that ${name} are served all the same`, { skip }, async (t) => {
    const { port: target } = await backend(t, echo);
    const board = file(t, SEATS * SEAT_BYTES);
    sit(board, 2, process.pid, thread);
    const it = await host(t, [target], { board, seat: 1 });
    await all(t, it.port, 200);
    const { active, ends } = await it.report();
    assert.equal(active, 200);
    assert.deepEqual(ends, {});
  });
}

// Tests what workers see of each other, with engines in processes of their own that share a listening socket and a
// scoreboard.

import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { ROW_BYTES, ROWS } from './scoreboard.ts';
import { backend, client, echo } from '../testing/engine/peer.ts';
import { boundTcp } from '../testing/bound.ts';
import { loadNativeEngine } from './native.ts';
import { host } from '../testing/native/hosted.ts';

const loaded = loadNativeEngine();
const skip = loaded.ok ? false : loaded.reason;

function file(t: TestContext, size: number): number {
  const path = join(tmpdir(), `bal-scoreboard-test-${process.pid}-${size}`);
  const fd = openSync(path, 'w+');
  t.after(() => closeSync(fd));
  unlinkSync(path);
  ftruncateSync(fd, size);
  return fd;
}

function endAfter(scoreboard: number, row: number): void {
  writeSync(scoreboard, new Uint8Array(Uint32Array.of(row + 1).buffer), 0, 4, 0);
}

/** Writes the row of a worker that accepts, has no clients, and is woken as this thread. */
function occupy(scoreboard: number, row: number, process: number, thread: number): void {
  writeSync(scoreboard, new Uint8Array(Uint32Array.of(0, 1, process, thread).buffer), 0, 16, row * ROW_BYTES);
  endAfter(scoreboard, row);
}

async function all(t: TestContext, port: number, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const peer = await client(t, port);
      assert.equal(await peer.send(`client ${i}`).bytes(`client ${i}`.length), `client ${i}`);
    }),
  );
}

test('a scoreboard that is none is an error', { skip }, (t) => {
  if (!loaded.ok) return;
  const small = file(t, (ROWS - 1) * ROW_BYTES);
  assert.throws(() => loaded.shareScoreboard(small, 1, ROWS), { code: 'EINVAL' });
  assert.throws(() => loaded.shareScoreboard(small, ROWS, ROWS), { code: 'EINVAL' });
  assert.throws(() => loaded.shareScoreboard(small, 0, ROWS), TypeError);
  const none = openSync('/dev/null', 'r');
  t.after(() => closeSync(none));
  assert.throws(() => loaded.shareScoreboard(none, 1, ROWS), { code: 'EINVAL' });
  assert.throws(() => loaded.shareScoreboard(100_000, 1, ROWS), { code: 'EBADF' });
});

test('a rush of clients is dealt out evenly to those who listen', { skip }, async (t) => {
  const { port: target } = await backend(t, echo);
  const scoreboard = file(t, ROWS * ROW_BYTES);
  endAfter(scoreboard, 3); // nobody owns the third row
  const handle = boundTcp('127.0.0.1', 0);
  t.after(() => handle.close());
  const first = await host(t, [target], { handle, scoreboard, row: 1 });
  const second = await host(t, [target], { handle, scoreboard, row: 2 });
  // In one rush the machine may keep a worker waiting longer than clients are left to it. The next rushes make up for
  // it.
  let held = [0, 64];
  for (let rush = 1; rush <= 10; rush++) {
    await all(t, first.port, 64);
    held = [(await first.report()).active, (await second.report()).active];
    assert.equal((held[0] ?? 0) + (held[1] ?? 0), 64 * rush);
    if (Math.min(...held) >= 28 * rush) return;
  }
  assert.fail(`they hold ${held.join(' and ')}`);
});

test('a worker sees another one behind any number of rows of which nobody accepts', { skip }, async (t) => {
  const { port: target } = await backend(t, echo);
  const scoreboard = file(t, ROWS * ROW_BYTES);
  occupy(scoreboard, 39, process.pid, process.pid);
  endAfter(scoreboard, 40);
  const it = await host(t, [target], { scoreboard, row: 40 });
  await all(t, it.port, 8);
  const called = new Uint32Array(1);
  readSync(scoreboard, called, 0, 4, 39 * ROW_BYTES + 16);
  assert.equal(called[0], 1);
});

for (const [name, thread] of [
  ['cannot be woken', 2 ** 22 + 1],
  ['does not come', process.pid],
] as const) {
  test(`clients left to a worker that ${name} are served all the same`, { skip }, async (t) => {
    const { port: target } = await backend(t, echo);
    const scoreboard = file(t, ROWS * ROW_BYTES);
    occupy(scoreboard, 2, process.pid, thread);
    const it = await host(t, [target], { scoreboard, row: 1 });
    await all(t, it.port, 200);
    const { active, ends } = await it.report();
    assert.equal(active, 200);
    assert.deepEqual(ends, {});
  });
}

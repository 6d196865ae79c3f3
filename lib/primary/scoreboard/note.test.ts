import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { devNull } from 'node:os';
import { test, type TestContext } from 'node:test';

import { NOTE_AT, NOTE_AT_MOST } from '../../engine/sources.ts';
import { createScoreboard } from './scoreboard.ts';
import { scoreboardOf } from './note.ts';

/** Starts a process that has `fd` where a worker has the scoreboard. */
async function holder(t: TestContext, fd: number): Promise<number> {
  const child = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', 'ignore', 'ignore', fd] });
  await once(child, 'spawn');
  t.after(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  assert.ok(child.pid !== undefined);
  return child.pid;
}

function scoreboard(t: TestContext) {
  const made = createScoreboard();
  const { fd } = made;
  assert.ok(fd !== null);
  t.after(() => closeSync(fd));
  return { made, fd };
}

test('a worker leads to the scoreboard and to the latest note', async (t) => {
  const { made, fd } = scoreboard(t);
  const pid = await holder(t, fd);
  assert.equal(scoreboardOf(pid), null, 'there is no note');
  made.note({ ids: 'x'.repeat(100_000) });
  made.note({ ids: 'ä' });
  const found = scoreboardOf(pid);
  assert.ok(found !== null);
  t.after(() => closeSync(found.fd));
  assert.deepEqual(found.note, { ids: 'ä', counting: [] });
  assert.equal(fstatSync(found.fd).ino, fstatSync(fd).ino);
});

test('what is no scoreboard, or has no whole note, is left alone', async (t) => {
  const { made, fd } = scoreboard(t);
  const pid = await holder(t, fd);
  for (const [what, bytes] of [
    ['torn', Buffer.from([20, 0, 0, 0, ...Buffer.from('{"ids": ')])],
    ['too long', Buffer.from([255, 255, 255, 255, ...Buffer.from('{}')])],
  ] as const) {
    writeSync(fd, bytes, 0, bytes.length, NOTE_AT);
    assert.equal(scoreboardOf(pid), null, what);
  }
  made.note({ ids: 'x'.repeat(NOTE_AT_MOST) });
  assert.equal(scoreboardOf(pid), null, 'a note that is too long is none');
  const other = openSync(devNull, 'r+');
  t.after(() => closeSync(other));
  assert.equal(scoreboardOf(await holder(t, other)), null);
  assert.equal(scoreboardOf(0), null);
});

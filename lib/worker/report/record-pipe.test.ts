// Tests the pipe in its own process, as in a worker: the descriptor is inherited.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';

import { RECORDS_FD } from '../../ipc/records.ts';

/** Writes lines of 1000 bytes and counts those that were taken; then ends the pipe, and prints the count and that it is done. */
const PROGRAM = `
  const { openRecordPipe } = await import(process.argv[1]);
  const pipe = openRecordPipe();
  await new Promise((go) => process.stdin.once('data', go));
  let taken = 0;
  for (let i = 0; i < Number(process.argv[2]); i++) {
    if (pipe.write(Buffer.from(String(i).padStart(999) + '\\n'))) taken++;
    if (i % 100 === 99) await new Promise(setImmediate);
  }
  process.stdin.destroy();
  pipe.end(() => console.log(taken, 'done'));
`;

interface Writer {
  readonly child: ChildProcess;
  readonly pipe: Readable;
  /** Starts the writing; resolves to its output once it has exited. */
  go(): Promise<string>;
}

function writer(t: TestContext, lines: number): Writer {
  const module = new URL('./record-pipe.js', import.meta.url).href;
  const args = ['--input-type=module', '-e', PROGRAM, module, String(lines)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit', 'ignore', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  const pipe = child.stdio[RECORDS_FD];
  assert.ok(pipe instanceof Readable && child.stdout !== null);
  const printed = text(child.stdout);
  const exit = once(child, 'exit');
  return {
    child,
    pipe,
    async go() {
      child.stdin?.write('go');
      assert.deepEqual(await exit, [0, null]);
      return printed;
    },
  };
}

test('all that there is room for arrives, whole and in order', async (t) => {
  const it = writer(t, 1000);
  const read = text(it.pipe);
  assert.equal(await it.go(), '1000 done\n');
  const lines = (await read).split('\n');
  assert.equal(lines.pop(), '');
  assert.deepEqual(
    lines.map(Number),
    Array.from({ length: 1000 }, (_, i) => i),
  );
});

test('to a reader that does not read, no more than a bound is taken, and the end comes all the same', async (t) => {
  const it = writer(t, 5000);
  const [, taken = ''] = /^(\d+) done\n$/.exec(await it.go()) ?? [];
  // The bound is 1 MiB beyond the kernel's buffer.
  assert.ok(Number(taken) > 1000 && Number(taken) < 2500, `${taken} lines were taken`);
});

test('a reader that is gone costs nothing but the lines', async (t) => {
  const it = writer(t, 5000);
  it.pipe.destroy();
  await once(it.pipe, 'close');
  const [, taken = ''] = /^(\d+) done\n$/.exec(await it.go()) ?? [];
  assert.ok(Number(taken) < 500, `${taken} lines were taken`);
});

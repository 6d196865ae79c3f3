// A worker that bypasses process.send() and writes arbitrary bytes to its channel. A real process, because Node reads the channel.
import assert from 'node:assert/strict';
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { guardChannel } from './channel-guard.ts';

/** Runs `script` (CommonJS) with a guarded channel. In it, `write` writes a whole buffer to the channel. */
function guarded(t: TestContext, script: string) {
  const folder = mkdtempSync(join(tmpdir(), 'bal-channel-'));
  const file = join(folder, 'mad.cjs');
  writeFileSync(
    file,
    `const { writeSync } = require('node:fs');
    function write(bytes) {
      for (let left = Buffer.from(bytes); left.length > 0; ) {
        try {
          left = left.subarray(writeSync(process.channel.fd, left));
        } catch (error) {
          if (error.code !== 'EAGAIN') throw error;
        }
      }
    }
    process.on('message', () => undefined);
    ${script}`,
  );
  const child = fork(file, { stdio: ['ignore', 'inherit', 'ignore', 'ipc'] });
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const messages: unknown[] = [];
  child.on('message', (message) => messages.push(message));
  const reasons: string[] = [];
  const given = new Promise<string>((resolve) =>
    guardChannel(child, (reason) => {
      reasons.push(reason);
      child.kill('SIGKILL');
      resolve(reason);
    }),
  );
  return { child, messages, reasons, given };
}

async function goneBy(child: ChildProcess): Promise<unknown> {
  const [, signal] = await once(child, 'exit');
  return signal;
}

for (const [what, bytes] of [
  ['text', `'no JSON\\n'`],
  ['bytes that are no text', `[0, 255, 254, 128, 10, 10, 0, 10]`],
  ['an empty line', `'\\n'`],
  ['half a message before a whole one', `'{"a":' + JSON.stringify({ b: 1 }) + '\\n'`],
] as const) {
  test(`a worker that writes ${what} to its channel is given up, and nothing is thrown`, async (t) => {
    const { child, messages, reasons, given } = guarded(
      t,
      `process.send('sane', () => { write(${bytes}); write(JSON.stringify('late') + '\\n'); });`,
    );
    const exit = goneBy(child);
    assert.equal(await given, 'wrote to its channel what is no message');
    assert.equal(await exit, 'SIGKILL');
    assert.deepEqual(messages, ['sane']);
    assert.equal(reasons.length, 1);
    assert.equal(child.connected, false);
  });
}

test('a line without end is given up before it fills the memory', async (t) => {
  const { child, given } = guarded(t, `for (const some = Buffer.alloc(65_536, '1'); ; ) write(some);`);
  const before = process.memoryUsage.rss();
  const exit = goneBy(child);
  assert.equal(await given, 'wrote a line without end to its channel');
  assert.equal(await exit, 'SIGKILL');
  assert.ok(process.memoryUsage.rss() - before < 200 * 1024 * 1024);
});

test("Node's own messages out of turn throw nothing", async (t) => {
  const { child, given } = guarded(t, `process.send({ cmd: 'NODE_HANDLE_ACK' });`);
  const exit = goneBy(child);
  assert.equal(await given, "sent one of Node's own messages out of turn");
  assert.equal(await exit, 'SIGKILL');
});

test('what a sane worker says arrives, in whatever pieces', async (t) => {
  const { child, messages, reasons } = guarded(
    t,
    `const line = Buffer.from(JSON.stringify({ text: '\\u00fc'.repeat(100_000) }) + '\\n');
    write(line.subarray(0, 70_001));
    setTimeout(() => { write(line.subarray(70_001)); write('1\\n"2"\\n'); process.disconnect(); }, 50);`,
  );
  await once(child, 'exit');
  assert.deepEqual(messages, [{ text: 'ü'.repeat(100_000) }, 1, '2']);
  assert.deepEqual(reasons, []);
});

/** Simulates a Node.js that keeps the channel's handle elsewhere. */
function hideHandle(child: ChildProcess): void {
  const key = Object.getOwnPropertySymbols(child).find(({ description }) => description === 'kChannelHandle');
  assert.ok(key !== undefined, 'this Node.js keeps the handle where the guard looks for it');
  Object.defineProperty(child, Symbol('elsewhere'), { value: Reflect.get(child, key) });
  Reflect.deleteProperty(child, key);
}

test('where Node.js keeps its channel elsewhere only the guard is lost: messages arrive, madness is thrown', () => {
  // Use a separate process, because nothing can catch the exception there: a faulty worker would end the primary.
  const script = (sent: string): string => `
    import { fork } from 'node:child_process';
    const { guardChannel } = await import(${JSON.stringify(new URL('./channel-guard.js', import.meta.url))});
    const child = fork('data:,', { execPath: process.execPath, execArgv: ['-e', ${JSON.stringify(sent)}, '--'] });
    (${hideHandle.toString().replaceAll('assert.ok(', 'console.assert(')})(child);
    child.on('message', (message) => console.log(message));
    guardChannel(child, (reason) => console.log('guarded', reason));`;
  const outcome = (sent: string) => {
    const args = ['--input-type=module', '-e', script(sent)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
    return { status, stdout, isThrown: /SyntaxError/.test(stderr) };
  };
  assert.deepEqual(outcome(`process.send('sane')`), { status: 0, stdout: 'sane\n', isThrown: false });
  const onViolation = `require('fs').writeSync(process.channel.fd, 'mad\\n')`;
  assert.deepEqual(outcome(onViolation), { status: 1, stdout: '', isThrown: true });
});

test('were the channel not of JSON, what is sent would still arrive through the guard', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bal-channel-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'sane.cjs');
  writeFileSync(file, `process.on('message', (message) => process.send(message, () => process.disconnect()));`);
  const child = fork(file, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  const reasons: string[] = [];
  guardChannel(child, (reason) => reasons.push(reason));
  const message = { text: 'x\n'.repeat(1000), bytes: new Uint8Array([10, 0, 255]) };
  child.send(message);
  const [received]: unknown[] = await once(child, 'message');
  assert.deepEqual(received, message);
  await once(child, 'exit');
  assert.deepEqual(reasons, []);
});

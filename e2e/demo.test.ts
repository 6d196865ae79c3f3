// The demo works as announced and leaves no process, port or file behind.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { childrenOf, gone, signal } from './harness/processes.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { newFolder } from './harness/release.ts';
import { ROOT } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';

const program = join(ROOT, 'dist', 'demo.js');

interface Demo {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly lines: readonly string[];
  /** Waits for a matching line and returns the pattern's first group. */
  said(pattern: RegExp): Promise<string>;
  /** The demo and all processes below it, now. */
  pids(): number[];
}

function demo(t: TestContext, command: readonly string[], env: NodeJS.ProcessEnv = {}): Demo {
  const folder = newFolder(t, 'demo');
  const [name = '', ...args] = command;
  const child = spawn(name, args, {
    env: { ...process.env, ...env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const below = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(below)];
  atEnd(t, () => below(child.pid ?? 0).forEach((pid) => signal(pid, 'SIGKILL')));
  return {
    child,
    folder,
    lines,
    said: (pattern) =>
      until(`the demo says ${String(pattern)}`, () => lines.map((line) => pattern.exec(line)?.[1]).find(Boolean)),
    pids: () => below(child.pid ?? 0),
  };
}

async function assertNothingLeft(run: Demo, pids: readonly number[], url: string): Promise<void> {
  await Promise.all(pids.map(gone));
  assert.deepEqual(readdirSync(run.folder), []);
  await assert.rejects(fetch(url));
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${name} ends the demo with exit 0 and leaves nothing behind`, async (t) => {
    const run = demo(t, [process.execPath, program]);
    const url = await run.said(/curl (http:\S+)$/);
    await run.said(/^(running): .*one up .*two up/);
    const pids = run.pids();
    assert.ok(pids.length >= 3, 'the demo, bal and a worker');
    const ended = once(run.child, 'exit');
    run.child.kill(name);
    assert.deepEqual(await ended, [0, null]);
    assert.equal(run.lines.at(-1), 'Everything is stopped.');
    await assertNothingLeft(run, pids, url);
  });
}

test('both backends answer, and one can be taken out without an error for the client', async (t) => {
  const run = demo(t, [process.execPath, program]);
  const url = await run.said(/curl (http:\S+)$/);
  const refuse = await run.said(/curl -X POST (http:\S+\/refuse)$/);
  // One connection per request: a kept-alive one would stay with its backend.
  const ask = async () => (await fetch(url, { headers: { Connection: 'close' } })).text();
  const answers = async (n: number) => {
    const names = [];
    for (let i = 0; i < n; i++) names.push((await ask()).split(' ')[0]);
    return new Set(names);
  };
  await until('both are up', async () => (await answers(4)).size === 2);
  await fetch(refuse, { method: 'POST' });
  assert.deepEqual(await answers(6), new Set(['two']));
  await run.said(/^(running): .*one down .*two up/);
  const ended = once(run.child, 'exit');
  run.child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});

test('the demo ends when the npm that runs it is killed', async (t) => {
  const run = demo(t, ['sh', '-c', `"$0" "$1" & wait`, process.execPath, program], { npm_lifecycle_event: 'demo' });
  const url = await run.said(/curl (http:\S+)$/);
  const pids = run.pids();
  run.child.kill('SIGKILL');
  await assertNothingLeft(run, pids, url).catch((error: unknown) => {
    for (const pid of pids) signal(pid, 'SIGKILL');
    throw error;
  });
});

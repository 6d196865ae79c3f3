// `bal selftest` reports no loss where there was none, and a loss where there was one; it leaves nothing behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { newHome } from './harness.ts';
import { environment } from './harness/cli.ts';
import { isAlive, pidsOf } from './harness/processes.ts';
import { BAL } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';

interface Run {
  readonly pid: number;
  readonly ended: Promise<unknown[]>;
  out(): string;
  kill(signal: NodeJS.Signals): void;
  /** The PIDs of its sample backends. */
  backends(): number[];
}

/** Runs in its own TMPDIR, where all its files are found. */
function selftest(t: TestContext, ...args: readonly string[]): { run: Run; folder: string } {
  const folder = `${newHome(t)}/tmp`;
  mkdirSync(folder);
  const child = spawn(process.execPath, [BAL, 'selftest', '--seconds', '1', ...args], {
    env: environment('/nonexistent', { TMPDIR: folder }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill());
  let out = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (out += String(chunk)));
  const pid = child.pid ?? 0;
  const run: Run = {
    pid,
    ended: once(child, 'close'),
    out: () => out,
    kill: (signal) => void child.kill(signal),
    backends: () => childrenOf(pid).filter((it) => readText(`/proc/${it}/cmdline`).includes('--tied')),
  };
  return { run, folder };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter(
      (name) => /^\d+$/.test(name) && readText(`/proc/${name}/stat`).split(') ')[1]?.split(' ')[1] === String(pid),
    )
    .map(Number);
}

/** Waits until the folder is empty and no process refers to it. */
async function isClean(folder: string): Promise<void> {
  await until('nothing is left', () => readdirSync(folder).length === 0 && pidsOf(folder, 'TMPDIR').length === 0, {
    withinMs: 30_000,
  });
}

test('a sound bal loses nothing', async (t) => {
  const { run, folder } = selftest(t, '--json');
  const [code] = await run.ended;
  const report = JSON.parse(run.out());
  assert.deepEqual([code, report.ok, report.lost], [0, true, 0], run.out());
  assert.ok(report.visits > 0 && report.talks > 0);
  assert.deepEqual(
    report.steps.slice(0, 6).map(({ step }: { step: string }) => step),
    ['start', 'clients', 'reload', 'a backend refuses', 'a backend is drained', 'upgrade'],
  );
  assert.equal(report.steps.at(-1).step, 'stop');
  assert.equal(report.losses.ended + report.losses.reset, report.ended_with_worker);
  await isClean(folder);
});

test('what is lost is told: the backends die under their clients', { skip: !existsSync('/proc') }, async (t) => {
  const { run, folder } = selftest(t, '--json');
  await until('both backends serve', () => run.backends().length === 2);
  // The clients connect once a second generation serves.
  await until('the clients are there', () =>
    childrenOf(run.pid).some((it) => readText(`/proc/${it}/cmdline`).includes('visits')),
  );
  for (const pid of run.backends()) process.kill(pid, 'SIGKILL');
  const [code] = await run.ended;
  const report = JSON.parse(run.out());
  assert.equal(code, 1, run.out());
  assert.equal(report.ok, false);
  assert.ok(report.lost > 0, run.out());
  await isClean(folder);
});

test('interrupted or killed it leaves nothing behind', { skip: !existsSync('/proc') }, async (t) => {
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const { run, folder } = selftest(t);
    await until('its bal runs', () => run.out().includes('clients'));
    run.kill(signal);
    const [code] = await run.ended;
    assert.equal(code, signal === 'SIGINT' ? 1 : null);
    await isClean(folder);
    assert.equal(isAlive(run.pid), false);
  }
});

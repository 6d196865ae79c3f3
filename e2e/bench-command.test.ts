// `bal bench`: plausible figures, and nothing left behind. The test does not depend on the values.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BAL } from '../lib/testing/root.ts';
import { newHome } from './harness.ts';
import { cli, environment } from './harness/cli.ts';
import { pidsOf } from './harness/processes.ts';
import { until } from '../lib/testing/until.ts';

test('a measurement has a figure for each way, the machine and the conditions', async (t) => {
  const home = newHome(t);
  const folder = `${home}/tmp`;
  mkdirSync(folder);
  const ran = await cli(['bench', '--seconds', '1', '--json'], { home, env: { TMPDIR: folder } });
  assert.equal(ran.code, 0, ran.stderr);
  const report = JSON.parse(ran.stdout);
  for (const name of [
    'connections_per_second',
    'requests_per_second',
    'bytes_per_second',
    'latency_p50_us',
    'latency_p99_us',
  ])
    for (const way of ['direct', 'bal']) assert.ok(report[name][way] > 0, `${name}.${way}: ${ran.stdout}`);
  assert.ok(report.latency_p50_us.bal <= report.latency_p99_us.bal);
  const memory: unknown = report.memory_per_connection_bytes;
  assert.ok(memory === null || (typeof memory === 'number' && memory >= 0 && memory < 1024 * 1024), ran.stdout);
  assert.equal(report.losses.wrong, 0);
  const { cpu, cores, kernel, node, load_average, engine } = report.conditions;
  assert.ok(cpu !== '' && cores > 0 && kernel !== '' && node === process.version && load_average >= 0);
  assert.ok(engine === 'native' || engine === 'js');
  await until('nothing is left', () => readdirSync(folder).length === 0 && pidsOf(folder, 'TMPDIR').length === 0);
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

test('Ctrl-C ends a long measurement, and nothing is left behind', async (t) => {
  const home = newHome(t);
  const folder = `${home}/tmp`;
  mkdirSync(folder);
  const env = environment(home, { TMPDIR: folder });
  const bench = spawn(process.execPath, [BAL, 'bench', '--seconds', '600'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  bench.stdout.resume();
  t.after(() => bench.kill('SIGKILL'));
  let told = '';
  bench.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  // Two short runs warm up; the third one is the first measurement.
  const runs = new Set<number>();
  await until('it measures', () => {
    for (const pid of pidsOf(folder, 'TMPDIR')) if (commandOf(pid).includes('visits')) runs.add(pid);
    return runs.size === 3;
  });
  const closed = once(bench, 'close');
  bench.kill('SIGINT');
  const [code]: unknown[] = await closed;
  assert.equal(code, 1);
  assert.match(told, /it was interrupted/);
  await until('nothing is left', () => readdirSync(folder).length === 0 && pidsOf(folder, 'TMPDIR').length === 0);
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  cpuSecondsOf,
  fineCpuSeconds,
  memoryOf,
  parseBusySeconds,
  parseMemory,
  parseRuntime,
  parseStat,
  pidsBelow,
} from './process-tree.ts';

test('parseStat() adds user and system time and that of ended children, whatever the name holds', () => {
  const line = '42 (a) b (c) S 7 42 42 0 -1 4194304 100 0 0 0 150 50 30 20 20 0 1 0 12345 1000 200';
  assert.deepEqual(parseStat(line), { parent: 7, cpuSeconds: 2.5 });
});

test('parseMemory() takes the proportional size and what of it is no file', () => {
  const rollup =
    'Rss:  9000 kB\nPss:  5120 kB\nPss_Dirty: 4000 kB\nPss_Anon:  4000 kB\nPss_File: 1000 kB\nPss_Shmem: 120 kB\n';
  assert.deepEqual(parseMemory(rollup), { pss: 5120, own: 4120 });
  assert.deepEqual(parseMemory(''), { pss: 0, own: 0 });
});

test('fine CPU time is that of the process, and falls back where the kernel does not tell', () => {
  assert.equal(
    parseRuntime('node (1, #threads: 11)\n---\nse.exec_start  :  1.5\nse.sum_exec_runtime   :   1234.5678\n'),
    1234.5678,
  );
  assert.equal(parseRuntime(''), null);
  const before = fineCpuSeconds(process.pid);
  const { user, system } = process.cpuUsage();
  while (process.cpuUsage().user < user + 200_000);
  const { user: later, system: laterSystem } = process.cpuUsage();
  const [fine, plain] = [fineCpuSeconds(process.pid) - before, (later - user + laterSystem - system) / 1e6];
  assert.ok(Math.abs(fine - plain) < 0.1, `${fine} s and ${plain} s`);
});

test('parseBusySeconds() leaves out idle time and waiting for disks', () => {
  assert.equal(parseBusySeconds('cpu  100 200 300 9999 8888 10 20 70 0 0\ncpu0 1 1 1 1 1 1 1 1\n'), 7);
});

test('a tree holds the root and what is below it, and what it has cost', async () => {
  // The grandchild uses a quarter of a second of CPU, then both wait for the end of their input.
  const burn =
    'const e = () => process.cpuUsage().user; while (e() < 250000); console.log("done"); process.stdin.resume()';
  const parent = spawn('sh', ['-c', '"$0" -e "$1"; exit 0', process.execPath, burn], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(parent.stdout, 'data');
  const { pid } = parent;
  assert.ok(pid);
  assert.equal(pidsBelow(pid).length, 2);
  assert.ok(cpuSecondsOf(pid) >= 0.2);
  assert.ok(memoryOf(pid).pss > memoryOf(pid).own && memoryOf(pid).own > 1000);
  parent.stdin.end();
  await once(parent, 'exit');
  assert.deepEqual(pidsBelow(pid), []);
});

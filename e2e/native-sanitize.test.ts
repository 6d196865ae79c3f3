// The native engine built with AddressSanitizer and UndefinedBehaviorSanitizer: the contract, and a storm of misbehaving clients
// and backends, without a bad access, undefined behaviour or memory leak. Needs a C compiler with its sanitizers. BAL_STORM: the
// number of connections in the storm (2,000; before a release 100,000). HANDOVER_ROUNDS: how often each of 226 connections is
// handed over (25; before a release 100).
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { host } from '../lib/testing/native/hosted.ts';
import { storm, stormBackends } from '../lib/testing/native/storm.ts';
import { ROOT } from '../lib/testing/root.ts';

const CONNECTIONS = Number(process.env['BAL_STORM'] ?? 2000);
const ADDON = join(ROOT, '.build', 'native', `bal-linux-${process.arch}.sanitize.node`);

/** Returns the path of the compiler's AddressSanitizer library, or null. */
function sanitizer(): string | null {
  if (process.platform !== 'linux') return null;
  const asked = spawnSync(process.env['CC'] ?? 'cc', ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  const file = asked.status === 0 ? asked.stdout.trim() : '';
  return file.startsWith('/') && existsSync(file) ? file : null;
}

const library = sanitizer();
const skip = library === null ? 'no C compiler with AddressSanitizer here' : false;

function environment(leaks: boolean): NodeJS.ProcessEnv {
  return {
    LD_PRELOAD: library ?? '',
    ASAN_OPTIONS: `detect_leaks=${leaks ? 1 : 0}:exitcode=99:abort_on_error=0`,
    UBSAN_OPTIONS: 'print_stacktrace=1',
    BAL_NATIVE_ADDON: ADDON,
    NODE_TEST_CONTEXT: undefined,
    HANDOVER_ROUNDS: process.env['HANDOVER_ROUNDS'] ?? '25',
  };
}

/** Whether LeakSanitizer works here: it needs permission to trace. */
function seesLeaks(): boolean {
  const env = { ...process.env, ...environment(true) };
  return spawnSync(process.execPath, ['-e', '0'], { env }).status === 0;
}

async function output(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code]: unknown[] = await once(child, 'close');
  return `${text}\nexit ${String(code)}`;
}

const OPTIONS = { skip, timeout: 3_600_000, concurrency: 2 };

test('under sanitizers the contract holds and a storm does no harm', OPTIONS, async (t) => {
  const built = spawnSync(process.execPath, [
    join(ROOT, 'lib', 'engine', 'native', 'build.mjs'),
    '--sanitize',
    '--if-needed',
  ]);
  assert.equal(built.status, 0, String(built.stderr));
  const leaks = seesLeaks();
  if (!leaks) t.diagnostic('LeakSanitizer cannot trace here: leaks are not looked for');

  const holds = (file: string, which: string): Promise<void> =>
    t.test(`${file}: ${which}`, async () => {
      const tests = join(ROOT, '.build', 'lib', 'engine', `${file}.test.js`);
      const only = `--test-name-pattern=${which}`;
      const text = await output([only, '--test-reporter=tap', tests], environment(leaks));
      assert.match(text, /^# pass [1-9]/m, text);
      assert.match(text, /^# fail 0$/m, text);
      assert.match(text, /exit 0$/, text);
    });
  const contractHolds = (file: string, parts: string): Promise<void> => holds(file, `^native: (${parts})`);
  // This part mostly waits, so run it in parallel with the others.
  const waiting = contractHolds('contract-trouble', 'idle|half-closed|keepalive|leave|stop');
  await contractHolds('contract', 'relay|close|decide|pressure|targets');
  await contractHolds('contract-first', 'inspect|preamble');
  await contractHolds('contract-handover', 'handover');
  await holds('channel', '.');
  await holds('tcp-checks', '.');
  await holds('tcp-rounds', '.');

  await t.test(`a storm of ${CONNECTIONS} connections`, async (t) => {
    const options = { behaviour: 'moody', idleMs: 2000, env: environment(leaks), deadlineMs: 60_000 } as const;
    const it = await host(t, await stormBackends(t), options);
    const result = await storm(it.port, CONNECTIONS);
    assert.deepEqual(result.wrong, [], 'no wrong bytes');
    assert.ok(result.whole > CONNECTIONS / 3, `${result.whole} of ${CONNECTIONS} were whole`);
    let report = await it.report();
    while (report.active > 0) {
      await sleep(50);
      report = await it.report();
    }
    t.diagnostic(JSON.stringify(report));
    assert.equal(
      Object.values(report.ends).reduce((sum, count) => sum + count, 0),
      report.accepted,
    );
    assert.equal(await it.close(), 0, it.stderr());
    assert.doesNotMatch(it.stderr(), /Sanitizer|runtime error/);
  });
  await waiting;
});

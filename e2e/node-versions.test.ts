// bal on other versions of Node.js: the engines' contract, everything that relies on undocumented parts of Node, and the core
// of bal. `npm run nodes` gets the versions.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { atEnd, type Owner } from '../lib/testing/owner.ts';
import { ROOT } from '../lib/testing/root.ts';
import { signal } from './harness/processes.ts';

interface Version {
  readonly wanted: string;
  readonly version: string | null;
  /** Why the version is missing, or null. */
  readonly reason: string | null;
}

const cache = join(ROOT, 'node_modules', '.cache', 'node');
const index = join(cache, 'index.json');
const nowhere = (wanted: string): Version => ({ wanted, version: null, reason: "'npm run nodes' gets it" });
const versions: readonly Version[] = existsSync(index)
  ? JSON.parse(readFileSync(index, 'utf8'))
  : ['20', '22', '24', 'newest'].map(nowhere);

/** Handovers are part of the core; the rest of their contract is C that no version of Node changes. */
const PARTS = ['engine/contract.test', 'engine/contract-first', 'engine/handles', 'workers/channel-guard'];
/** The contract of both engines alone has more. */
const FEWEST = 180;

/** Runs a test program and returns its summary and failures. */
async function runs(t: Owner, program: string, ...args: string[]): Promise<{ passed: number; failures: string }> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_')));
  // In its own process group, with everything it starts.
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  atEnd(t, () => void (child.exitCode === null && signal(-(child.pid ?? 0), 'SIGKILL')));
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const failures: string[] = [...(out.match(/^ *not ok .*(\n(?! *(ok|not ok) ).*){0,30}/gm) ?? [])];
  if (code !== 0) failures.push(`exit ${code}\n${err || out}`.slice(0, 2000));
  return { passed: Number(/^# pass (\d+)$/m.exec(out)?.[1] ?? 0), failures: failures.join('\n') };
}

describe('other versions of Node.js', { concurrency: 3 }, () => {
  for (const { wanted, version, reason } of versions) {
    const which = version === null ? wanted : `${wanted} (${version})`;
    const title = `bal runs on Node.js ${which}, with both engines`;
    test(reason === null ? title : `${title} (skipped: ${reason})`, { skip: reason ?? false }, async (t) => {
      const node = join(cache, version ?? '');
      const core = await runs(t, node, '--test-reporter=tap', join(import.meta.dirname, 'node-versions-main.js'));
      assert.deepEqual(core, { passed: 2, failures: '' });
      const { passed, failures } = await runs(t, node, join(ROOT, 'bin', 'dev', 'test.mjs'), 'unit', ...PARTS);
      assert.equal(failures, '');
      assert.ok(passed >= FEWEST, `${passed} tests have passed`);
    });
  }
});

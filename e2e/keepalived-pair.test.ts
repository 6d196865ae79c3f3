// The keepalived sample with a real keepalived: two machines, each a network namespace with a bal, share one address, which is
// where bal is ready.
import { spawn, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import { atExit } from '../lib/testing/owner.ts';
import { lacking } from '../lib/testing/program.ts';

const MAIN = fileURLToPath(new URL('./keepalived-pair-main.js', import.meta.url));
// When PID 1 of the namespace ends, all its other processes end.
const UNSHARE = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'] as const;

function lackingMachines(): string | null {
  if (process.getuid?.() !== 0) return 'not root';
  const missing = lacking('keepalived', 'curl', 'ip', 'nsenter', 'unshare');
  if (missing !== null) return missing;
  const [program, ...args] = [...UNSHARE, 'ip', 'link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there'];
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0 ? null : 'no namespaces or no veth devices';
}

const reason = lackingMachines();
const title =
  'keepalived keeps the address where bal is ready: it goes when bal drains, and comes back when the other is not';
test(reason === null ? title : `${title} (skipped: ${reason})`, { skip: reason ?? false }, async () => {
  const [program, ...args] = [...UNSHARE, process.execPath, MAIN];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const forget = atExit(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  forget();
  assert.equal(code, 0, said);
});

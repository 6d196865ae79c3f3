// A second network at the other end of a veth cable, for scripts in their own namespace.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { lacking } from '../../lib/testing/program.ts';
import { until } from '../../lib/testing/until.ts';
import { lackingNamespace } from './namespace.ts';

export const [HERE, THERE] = ['10.213.7.1', '10.213.7.2'] as const;

/** Why no cable can be made here, or null. */
export function lackingCable(): string | null {
  const reason = lackingNamespace() ?? lacking('ip', 'nsenter', 'unshare');
  if (reason !== null) return reason;
  const tried = spawnSync('unshare', ['-n', 'ip', 'link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there']);
  return tried.status === 0 ? null : 'no veth devices';
}

export function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}`);
}

/** Makes the other network, held by a sleeping process until the script ends; returns its PID. The cable is up. */
export async function elsewhere(t: Owner): Promise<number> {
  const child = spawn('unshare', ['-n', 'sleep', '600'], { stdio: 'ignore' });
  atEnd(t, () => child.kill('SIGKILL'));
  const pid = Number(child.pid);
  const own = networkOf('self');
  await until('there is another network', () => networkOf(`${pid}`) !== own);
  run('ip', 'link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there', 'netns', `${pid}`);
  run('ip', 'addr', 'add', `${HERE}/24`, 'dev', 'here');
  run('ip', 'link', 'set', 'here', 'up');
  runThere(pid, 'ip', 'addr', 'add', `${THERE}/24`, 'dev', 'there');
  runThere(pid, 'ip', 'link', 'set', 'there', 'up');
  return pid;
}

export function runThere(pid: number, ...command: string[]): void {
  run('nsenter', '-t', `${pid}`, '-n', ...command);
}

function networkOf(pid: string): string {
  const { stdout } = spawnSync('readlink', [`/proc/${pid}/ns/net`], { encoding: 'utf8' });
  return stdout.trim();
}

// A throwaway copy of this machine to install into: its files under an in-memory overlay, with its own processes and the same
// network. All changes are gone at the end.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd, atExit, type Owner } from '../../lib/testing/owner.ts';
import { isRoot } from './other-user.ts';
import { childrenOf, gone, signal } from './processes.ts';
import { type Outcome, run } from './release.ts';

export interface Machine {
  /** Runs a program inside. */
  readonly inside: (program: string, ...args: string[]) => Promise<Outcome>;
  /** The command prefix and environment for spawning a long-running program inside. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Runs a shell script inside. */
  readonly sh: (script: string) => Promise<Outcome>;
}

const LAYERS = `set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
mount -t tmpfs -o mode=755 tmpfs "$1/root/run"
mount --bind "$2" "$1/root/mnt"
echo ready
exec sleep 600`;

const NAMESPACES = ['--mount', '--pid', '--fork', '--kill-child'];

/** Returns why there can be none here, or null. */
export function noMachine(): string | null {
  if (!isRoot) return 'needs root';
  const folder = mkdtempSync(join(tmpdir(), 'bal-machine-'));
  const script = LAYERS.replace('exec sleep 600', 'true');
  const tried = spawnSync('unshare', [...NAMESPACES, 'sh', '-c', script, 'sh', folder, folder], { stdio: 'ignore' });
  rmSync(folder, { recursive: true });
  return tried.status === 0 ? null : 'no overlay can be mounted here';
}

/** `shared`: a folder of this machine that is mounted there as /mnt. */
export async function newMachine(t: Owner, shared: string): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), 'bal-machine-'));
  const keeper = spawn('unshare', [...NAMESPACES, 'sh', '-c', LAYERS, 'sh', folder, shared], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const end = (): void => signal(keeper.pid ?? 0, 'SIGKILL');
  // Its mounts disappear a moment after it.
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  const forget = atExit(() => {
    end();
    remove();
  });
  atEnd(t, async () => {
    end();
    await gone(keeper.pid ?? 0);
    remove();
    forget();
  });
  await once(keeper.stdout, 'data');
  const [first = 0] = childrenOf(keeper.pid ?? 0);
  const enter = ['--target', String(first), '--mount', '--pid', 'chroot', join(folder, 'root')];
  const paths = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
  };
  const env = { ...paths, DEBIAN_FRONTEND: 'noninteractive' };
  const inside = (program: string, ...args: string[]): Promise<Outcome> =>
    run('nsenter', [...enter, program, ...args], env);
  return { inside, command: ['nsenter', ...enter], env, sh: (script) => inside('sh', '-c', script) };
}

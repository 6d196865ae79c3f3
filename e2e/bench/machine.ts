// Describes the machine and the commit that the figures belong to.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { ROOT } from '../../lib/testing/root.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  /** Short hash; with `+` if more than documents differ in the working tree. */
  readonly commit: string;
}

function git(...args: readonly string[]): string {
  const run = spawnSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' });
  return run.status === 0 ? run.stdout.trim() : '';
}

export function describeMachine(): Machine {
  const head = git('rev-parse', '--short', 'HEAD');
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', ':!*.md');
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: availableParallelism(),
    memoryGib: totalmem() / 2 ** 30,
    kernel: `${type()} ${release()} ${arch()}`,
    commit: head === '' ? 'not a git checkout' : `${head}${changed === '' ? '' : '+'}`,
  };
}

/** How many files a process may open once it has raised its limit. */
export function openFilesLimit(): number {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return hard === undefined ? Infinity : Number(hard);
}

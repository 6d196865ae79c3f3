// How many CPUs the control group lets this process use at a time, however many it may run on: containers and service
// managers limit by quota, which sched_getaffinity(2) does not tell. Linux only; elsewhere there is none.
// cgroups(7), Documentation/admin-guide/cgroup-v2.rst (cpu.max), Documentation/scheduler/sched-bwc.rst (v1).
import { dirname, join } from 'node:path';

/** '' for a file that is not there. */
export type Read = (path: string) => string;

/** The smallest quota from the process' own group up, in CPUs; Infinity: none, or none that can be seen. */
export function cpuQuota(read: Read): number {
  const mounts = read('/proc/self/mounts').split('\n');
  const groups = read('/proc/self/cgroup').split('\n');
  return Math.min(...mounts.flatMap((line) => quotasBelow(line, groups, read)), Infinity);
}

/** `cgroup2 /sys/fs/cgroup cgroup2 rw,…`, `cgroup /sys/fs/cgroup/cpu cgroup rw,cpu,cpuacct`. */
function quotasBelow(mount: string, groups: readonly string[], read: Read): number[] {
  const [, at = '', type, options = ''] = mount.split(' ');
  const isSecond = type === 'cgroup2';
  if (!isSecond && !(type === 'cgroup' && options.split(',').includes('cpu'))) return [];
  // `0::/path`, `4:cpu,cpuacct:/path`; in a container the path may be that of the host, and the mount the group's own.
  const own = groups
    .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
    .find((found) => (isSecond ? found?.[1] === '' : found?.[1]?.split(',').includes('cpu') === true));
  return withParents(own?.[2] ?? '/').map((path) => {
    const folder = join(at, path);
    const text = isSecond
      ? read(join(folder, 'cpu.max'))
      : `${read(join(folder, 'cpu.cfs_quota_us')).trim()} ${read(join(folder, 'cpu.cfs_period_us'))}`;
    return quotaIn(text);
  });
}

function withParents(path: string): string[] {
  return path === '/' ? ['/'] : [path, ...withParents(dirname(path))];
}

/** `50000 100000` → 0.5; `max 100000` and `-1 100000`: none. */
function quotaIn(text: string): number {
  const [, quota, period] = /^(\d+) (\d+)\s*$/.exec(text) ?? [];
  return Number(quota) > 0 && Number(period) > 0 ? Number(quota) / Number(period) : Infinity;
}

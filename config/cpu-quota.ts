// The CPU quota of this process's control group. Containers and service managers limit CPU by quota, which sched_getaffinity(2)
// does not show. Linux only; elsewhere there is no quota.
// cgroups(7), Documentation/admin-guide/cgroup-v2.rst (cpu.max), Documentation/scheduler/sched-bwc.rst (v1).
import { dirname, join } from 'node:path';

/** Returns '' for a missing file. */
export type Read = (path: string) => string;

/** Returns the smallest quota from the process's own group upwards, in CPUs; Infinity if none is visible. */
export function cpuQuota(read: Read): number {
  const mounts = read('/proc/self/mounts').split('\n');
  const groups = read('/proc/self/cgroup').split('\n');
  return Math.min(...mounts.flatMap((line) => quotasBelow(line, groups, read)), Infinity);
}

/** `mount` is a line such as `cgroup2 /sys/fs/cgroup cgroup2 rw,…` or `cgroup /sys/fs/cgroup/cpu cgroup rw,cpu,cpuacct`. */
function quotasBelow(mount: string, groups: readonly string[], read: Read): number[] {
  const [, at = '', type, options = ''] = mount.split(' ');
  const isSecond = type === 'cgroup2';
  if (!isSecond && !(type === 'cgroup' && options.split(',').includes('cpu'))) return [];
  // `0::/path`, `4:cpu,cpuacct:/path`; in a container the path may be the host's while the mount is the container's own group.
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

/** `50000 100000` → 0.5; `max 100000` and `-1 100000` → Infinity. */
function quotaIn(text: string): number {
  const [, quota, period] = /^(\d+) (\d+)\s*$/.exec(text) ?? [];
  return Number(quota) > 0 && Number(period) > 0 ? Number(quota) / Number(period) : Infinity;
}

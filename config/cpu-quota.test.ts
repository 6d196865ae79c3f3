import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuQuota } from './cpu-quota.ts';

function quota(files: Readonly<Record<string, string>>): number {
  return cpuQuota((path) => files[path] ?? '');
}

const V2 = 'proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n';
const V1 =
  'cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n';

test('cgroup v2: the smallest of the own quota and those above it', () => {
  const own = { '/proc/self/mounts': V2, '/proc/self/cgroup': '0::/system.slice/bal.service\n' };
  const at = '/sys/fs/cgroup/system.slice';
  assert.equal(quota(own), Infinity, 'nothing is said');
  assert.equal(quota({ ...own, [`${at}/bal.service/cpu.max`]: 'max 100000\n' }), Infinity);
  assert.equal(quota({ ...own, [`${at}/bal.service/cpu.max`]: '50000 100000\n' }), 0.5);
  const both = { [`${at}/bal.service/cpu.max`]: '400000 100000\n', [`${at}/cpu.max`]: '150000 100000\n' };
  assert.equal(quota({ ...own, ...both }), 1.5);
  assert.equal(quota({ ...own, [`${at}/cpu.max`]: '0 0\n' }), Infinity);
});

test('a container sees its own group at the root, whatever the path says', () => {
  const files = { '/proc/self/mounts': V2, '/sys/fs/cgroup/cpu.max': '200000 100000\n' };
  assert.equal(quota({ ...files, '/proc/self/cgroup': '0::/\n' }), 2);
  assert.equal(quota({ ...files, '/proc/self/cgroup': '0::/../../docker/4711\n' }), 2);
});

test('cgroup v1: quota and period in two files, of the group that has the CPU', () => {
  const own = { '/proc/self/mounts': V1, '/proc/self/cgroup': '5:memory:/m\n4:cpu,cpuacct:/docker/4711\n0::/other\n' };
  const at = '/sys/fs/cgroup/cpu,cpuacct';
  const given = (folder: string, us: string) => ({
    [`${folder}/cpu.cfs_quota_us`]: `${us}\n`,
    [`${folder}/cpu.cfs_period_us`]: '100000\n',
  });
  assert.equal(quota({ ...own, ...given(`${at}/docker/4711`, '-1') }), Infinity);
  assert.equal(quota({ ...own, ...given(`${at}/docker/4711`, '250000') }), 2.5);
  assert.equal(quota({ ...own, ...given(at, '50000') }), 0.5, 'mounted as the root of a container');
});

test('without /proc, as on other systems, there is none', () => {
  assert.equal(quota({}), Infinity);
});

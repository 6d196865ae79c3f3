// Facts about this machine that turn a valid configuration into one that deserves a look.
import { readFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { cpuQuota } from './cpu-quota.ts';
import { groupsIn, type Groups } from './groups.ts';
import { interfaceAddresses } from './interfaces.ts';
import type { Environment } from './variables.ts';

export interface Machine {
  /** CPUs this process may use at a time: its affinity mask, or the quota of its control group. */
  readonly cores: number;
  /** Hard limit of file descriptors per process; Node raises the soft limit to it. Null if unlimited or unknown. */
  readonly descriptors: number | null;
  /** The first port this process may bind; 0 if it may bind all. */
  readonly firstPort: number;
  /** net.core.somaxconn; null if unknown. */
  readonly somaxconn: number | null;
  /** This machine's own addresses and name, lower case. */
  readonly own: readonly string[];
  /** The groups in /etc/group; null if unknown. */
  readonly groups: Groups | null;
  /** The groups to which this process may give its files; null if any. */
  readonly ownGroups: readonly number[] | null;
  /** The values of `${NAME}` in a configuration. */
  readonly environment: Environment;
}

/** A machine without restrictions, to judge a text by itself. */
export const ANY_MACHINE: Machine = {
  cores: 1,
  descriptors: null,
  firstPort: 0,
  somaxconn: null,
  own: [],
  groups: null,
  ownGroups: null,
  environment: {},
};

const CAP_CHOWN = 0n;
const CAP_NET_BIND_SERVICE = 10n;

/** Reads /proc if it exists (Linux); elsewhere only what Node knows. */
export function thisMachine(): Machine {
  const status = read('/proc/self/status');
  return {
    cores: usableCores(availableParallelism(), cpuQuota(read)),
    descriptors: hardLimit(read('/proc/self/limits')),
    firstPort: mayBindAll(status) ? 0 : numberIn('/proc/sys/net/ipv4/ip_unprivileged_port_start', 1024),
    somaxconn: numberIn('/proc/sys/net/core/somaxconn', null),
    own: [...interfaceAddresses().map(({ address }) => address.toLowerCase()), hostname().toLowerCase()],
    groups: groupsFrom(read('/etc/group')),
    ownGroups: may(status, CAP_CHOWN) ? null : [process.getegid?.() ?? -1, ...(process.getgroups?.() ?? [])],
    environment: process.env,
  };
}

/** Half a CPU makes one worker, two and a half make three. */
export function usableCores(available: number, quota: number): number {
  return Math.max(1, Math.min(available, Math.ceil(quota)));
}

/** `Max open files   1024   524288   files` → 524288. */
export function hardLimit(limits: string): number | null {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  return hard === undefined ? null : Number(hard);
}

/** Without the file, groups are defined elsewhere. */
function groupsFrom(text: string): Groups | null {
  const groups = groupsIn(text);
  return groups.size === 0 ? null : groups;
}

/** Parses /proc/self/status; without it, only root may. */
export function mayBindAll(status: string, uid?: number): boolean {
  return may(status, CAP_NET_BIND_SERVICE, uid);
}

function may(status: string, capability: bigint, uid: number | undefined = process.getuid?.()): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1];
  if (effective === undefined) return uid === undefined || uid === 0;
  return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
}

function numberIn<T>(path: string, otherwise: T): number | T {
  const text = read(path).trim();
  return /^\d+$/.test(text) ? Number(text) : otherwise;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // not Linux, or /proc is not mounted: the fact is unknown
  }
}

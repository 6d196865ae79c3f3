// The resources an instance holds: memory of all its processes, descriptors of its primary.
import { readdirSync } from 'node:fs';
import type { Bal } from '../harness.ts';
import { pidsOf, residentBytes } from '../harness/processes.ts';

export const MIB = 1024 * 1024;

export interface Footprint {
  readonly processes: number;
  readonly rssBytes: number;
  readonly primaryDescriptors: number;
}

export function footprintOf(bal: Bal): Footprint {
  const pids = pidsOf(bal.home.dir);
  return {
    processes: pids.length,
    rssBytes: pids.reduce((sum, pid) => sum + residentBytes(pid), 0),
    primaryDescriptors: readdirSync(`/proc/${bal.pid}/fd`).length,
  };
}

export function inWords({ processes, rssBytes, primaryDescriptors }: Footprint): string {
  return `${processes} processes, ${(rssBytes / MIB).toFixed(0)} MiB, ${primaryDescriptors} descriptors in the primary`;
}

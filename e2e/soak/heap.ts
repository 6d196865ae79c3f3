// Measures live memory of a bal process: resident memory also holds uncollected garbage, which may exceed a leak.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bal } from '../harness.ts';
import { signal } from '../harness/processes.ts';
import { until } from '../../lib/testing/until.ts';

/** Environment for the bal to examine. */
export const HEAP_ENVIRONMENT = { NODE_OPTIONS: `--import=${new URL('./heap-preload.js', import.meta.url).href}` };

export interface Inside {
  /** On the heap, after all garbage is collected. */
  readonly heapBytes: number;
  /** Resources that keep the event loop running, by kind: timers, sockets, pending requests. */
  readonly resources: Readonly<Record<string, number>>;
}

/** Returns what one of its processes holds. */
export async function insideOf({ home }: Bal, pid: number): Promise<Inside> {
  const file = join(home.dir, `heap.${pid}`);
  signal(pid, 'SIGWINCH');
  const said = await until('the process tells what it holds', () => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return null;
    }
  });
  rmSync(file);
  const { heapBytes, resources: names }: { heapBytes: number; resources: string[] } = JSON.parse(said);
  const resources: Record<string, number> = {};
  for (const name of names) resources[name] = (resources[name] ?? 0) + 1;
  return { heapBytes, resources };
}

/** Returns the bytes on the heap of one of its processes, after garbage collection. */
export async function liveHeap(bal: Bal, pid: number): Promise<number> {
  return (await insideOf(bal, pid)).heapBytes;
}

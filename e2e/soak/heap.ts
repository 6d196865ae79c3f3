// What is alive in a process of bal's: its resident memory also holds garbage that nobody has collected yet, of which
// there may be more than a leak would be.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bal } from '../harness.ts';
import { signal } from '../harness/processes.ts';
import { until } from '../../lib/testing/until.ts';

/** To be in the environment of the bal that is looked at. */
export const HEAP_ENVIRONMENT = { NODE_OPTIONS: `--import=${new URL('./heap-preload.js', import.meta.url).href}` };

export interface Inside {
  /** On the heap, after all garbage is collected. */
  readonly heapBytes: number;
  /** What keeps the event loop going, by kind: timers, sockets, requests under way. */
  readonly resources: Readonly<Record<string, number>>;
}

/** What one of its processes holds inside. */
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

/** Bytes on the heap of one of its processes, after all garbage is collected. */
export async function liveHeap(bal: Bal, pid: number): Promise<number> {
  return (await insideOf(bal, pid)).heapBytes;
}

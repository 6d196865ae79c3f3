// What is alive in a process of bal's: its resident memory also holds garbage that nobody has collected yet, of which
// there may be more than a leak would be.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bal } from '../harness.ts';
import { signal } from '../harness/processes.ts';
import { until } from '../harness/until.ts';

/** To be in the environment of the bal that is looked at. */
export const HEAP_ENVIRONMENT = { NODE_OPTIONS: `--import=${new URL('./heap-preload.js', import.meta.url).href}` };

/** Bytes on the heap of one of its processes, after all garbage is collected. */
export async function liveHeap({ home }: Bal, pid: number): Promise<number> {
  const file = join(home.dir, `heap.${pid}`);
  signal(pid, 'SIGWINCH');
  const bytes = await until('the heap is measured', () => {
    try {
      return Number(readFileSync(file, 'utf8'));
    } catch {
      return null;
    }
  });
  rmSync(file);
  return bytes;
}

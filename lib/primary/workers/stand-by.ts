// A second set of workers beside the one that serves: they have all but their listening sockets, so that these can change
// hands within milliseconds.

import type { ReadyResult, WorkerProcess } from './worker-process.ts';

export type StandBy =
  { readonly ok: true; readonly workers: readonly WorkerProcess[] } | { readonly ok: false; readonly reason: string };

/** All of `workers` once they are up; none of them if one does not come up, and why. */
export async function allUp(workers: readonly WorkerProcess[]): Promise<StandBy> {
  const results = await Promise.all(workers.map(({ up }) => up));
  const failure = firstFailure(results);
  if (failure === undefined) return { ok: true, workers };
  for (const worker of workers) worker.kill();
  return failure;
}

export function firstFailure(results: readonly ReadyResult[]): Extract<ReadyResult, { ok: false }> | undefined {
  return results.find((result) => !result.ok);
}

/** The numbers of its workers' slots. */
export function idsOf({ workers }: { readonly workers: number }): number[] {
  return Array.from({ length: workers }, (_, i) => i + 1);
}

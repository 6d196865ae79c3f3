// A second set of workers beside the serving one. They have everything but listening sockets, which can then change hands
// within milliseconds.

import type { ReadyResult, WorkerProcess } from './worker-process.ts';

export type StandBy =
  { readonly ok: true; readonly workers: readonly WorkerProcess[] } | { readonly ok: false; readonly reason: string };

/** Resolves when all workers are up. If one fails, kills all and resolves with the reason. */
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

/** The slot numbers of a generation's workers. */
export function idsOf({ workers }: { readonly workers: number }): number[] {
  return Array.from({ length: workers }, (_, i) => i + 1);
}

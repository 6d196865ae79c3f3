// Shared by `bal selftest` and `bal bench`: runs something on a stage that is gone afterwards, whatever happens.

import { openStage, type Stage } from '../trial/stage.ts';
import type { Options } from './arguments.ts';
import type { Io } from './command.ts';
import { json, printDiagnosis } from './report.ts';

/** Null if it failed; the reason is already printed. */
export async function onStage<T>(
  { json: asJson }: Options,
  io: Io,
  act: (stage: Stage, signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  const end = new AbortController();
  let stage: Stage | null = null;
  // Closing the stage kills its processes, which ends what is under way.
  const interrupt = (): void => {
    end.abort();
    void stage?.close();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  try {
    stage = await openStage();
    return await act(stage, end.signal);
  } catch (error) {
    const problem = {
      what_happened: end.signal.aborted
        ? 'it was interrupted; nothing of it is left'
        : `it came to nothing: ${error instanceof Error ? error.message : String(error)}`,
      why_likely: end.signal.aborted
        ? 'a signal (Ctrl-C)'
        : 'no memory, descriptors or space in /tmp, or a broken installation',
      do_this_now: "run it again; 'bal doctor' looks at the limits of this machine",
    };
    if (asJson) json(io, { problem });
    else printDiagnosis(io, problem);
    return null;
  } finally {
    await stage?.close();
    for (const signal of signals) process.off(signal, interrupt);
  }
}

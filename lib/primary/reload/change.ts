// A reload is a list of changes, carried out in order: first all are prepared, which may fail and changes nothing that serves,
// then all are committed. When one fails those before it are rolled back, the last one first.

import type { Diagnosis } from '../../control/protocol.ts';
import { internalError } from './verdict.ts';

/** How far a change has come that is to be rolled back. */
export type Progress = 'prepared' | 'committed';

/** Each step returns null, or why it failed: then it has undone what it did itself. */
export interface Change {
  readonly name: string;
  prepare?(): Promise<Diagnosis | null>;
  commit?(): Promise<Diagnosis | null>;
  /** What cannot be undone either is the change's own to tell. */
  rollback?(from: Progress): Promise<void>;
}

/** Returns null when all is committed, else why not: then everything is as it was. Never rejects; what a step throws is a defect that it has not undone. */
export async function carryOut(
  changes: readonly Change[],
  onDefect: (name: string, error: unknown) => void,
): Promise<Diagnosis | null> {
  const begun: { readonly change: Change; progress: Progress }[] = [];

  async function step(name: string, act: () => Promise<Diagnosis | null> | undefined): Promise<Diagnosis | null> {
    try {
      return (await act()) ?? null;
    } catch (error) {
      onDefect(name, error);
      return internalError(error);
    }
  }

  async function rollBack(): Promise<void> {
    for (const { change, progress } of begun.toReversed()) {
      await step(change.name, async () => {
        await change.rollback?.(progress);
        return null;
      });
    }
  }

  for (const change of changes) {
    const problem = await step(change.name, () => change.prepare?.());
    if (problem !== null) {
      await rollBack();
      return problem;
    }
    begun.push({ change, progress: 'prepared' });
  }
  for (const it of begun) {
    const problem = await step(it.change.name, () => it.change.commit?.());
    if (problem !== null) {
      await rollBack();
      return problem;
    }
    it.progress = 'committed';
  }
  return null;
}

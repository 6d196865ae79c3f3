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
  /** Also after a step that threw half-way, as if it had been done. What cannot be undone is the change's own to tell. */
  rollback?(from: Progress): Promise<void>;
}

/** Returns null when all is committed, else why not: then everything is as it was. Never rejects: what is thrown is a defect, which is told. */
export async function carryOut(
  changes: readonly Change[],
  onDefect: (name: string, error: unknown) => void,
): Promise<Diagnosis | null> {
  const begun: { readonly change: Change; progress: Progress }[] = [];

  async function rollBack(): Promise<void> {
    for (const { change, progress } of begun.toReversed()) {
      try {
        await change.rollback?.(progress);
      } catch (error) {
        onDefect(change.name, error);
      }
    }
  }

  /** `undone`: the step has undone itself where it says that it failed. */
  async function attempt(
    { name }: Change,
    act: () => Promise<Diagnosis | null> | undefined,
    undone: () => void,
  ): Promise<Diagnosis | null> {
    let problem: Diagnosis | null;
    try {
      problem = (await act()) ?? null;
      if (problem !== null) undone();
    } catch (error) {
      onDefect(name, error);
      problem = internalError(error);
    }
    if (problem !== null) await rollBack();
    return problem;
  }

  for (const change of changes) {
    begun.push({ change, progress: 'prepared' });
    const problem = await attempt(
      change,
      () => change.prepare?.(),
      () => void begun.pop(),
    );
    if (problem !== null) return problem;
  }
  for (const it of begun) {
    it.progress = 'committed';
    const problem = await attempt(
      it.change,
      () => it.change.commit?.(),
      () => (it.progress = 'prepared'),
    );
    if (problem !== null) return problem;
  }
  return null;
}

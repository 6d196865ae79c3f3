// Carries out a list of changes in order. First it prepares all, which may fail and changes nothing that serves; then it commits all.
// If one fails, it rolls back the ones before, the last one first.

import type { Diagnosis } from '../../control/protocol.ts';
import { internalError } from './verdict.ts';

/** How far a change had come before its rollback. */
export type Progress = 'prepared' | 'committed';

/** Each step returns null or the problem. A step that returns a problem has undone its own work. */
export interface Change {
  readonly name: string;
  prepare?(): Promise<Diagnosis | null>;
  commit?(): Promise<Diagnosis | null>;
  /** Also called after a step that threw half-way, as if it had been completed. Reports by itself what it cannot undo. */
  rollback?(from: Progress): Promise<void>;
}

/** Returns null if all is committed, else the problem after a rollback. Never rejects: reports exceptions with `onDefect`. */
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

  /** Calls `undone` if the step returns a problem, since it has undone itself then. */
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

// How a process knows that it was started as a successor.

/** An environment variable. */
export const MARK = 'BAL_SUCCESSOR';

export function isSuccessor(): boolean {
  return process.env[MARK] !== undefined && process.send !== undefined;
}

const WATCHES = 'BAL_WATCHES';

/** An environment variable instead of an option, because a version that does not know it ignores it. */
export function watchMark(watches: boolean): NodeJS.ProcessEnv {
  return watches ? { [WATCHES]: '1' } : {};
}

/** Removes the mark, so that children do not inherit it. */
export function takeWatchMark(): boolean {
  const watches = process.env[WATCHES] !== undefined;
  delete process.env[WATCHES];
  return watches;
}

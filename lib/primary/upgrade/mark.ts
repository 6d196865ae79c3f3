// How a process knows that it was started to take the place of another one.

/** Set in its environment. */
export const MARK = 'BAL_SUCCESSOR';

export function isSuccessor(): boolean {
  return process.env[MARK] !== undefined && process.send !== undefined;
}

const WATCHES = 'BAL_WATCHES';

/** In its environment, not an option: a version that does not know it goes on without. */
export function watchMark(watches: boolean): NodeJS.ProcessEnv {
  return watches ? { [WATCHES]: '1' } : {};
}

/** Once: who is started from here on is told anew. */
export function takeWatchMark(): boolean {
  const watches = process.env[WATCHES] !== undefined;
  delete process.env[WATCHES];
  return watches;
}

// How a process knows that it was started to take the place of another one.

/** Set in its environment. */
export const MARK = 'BAL_SUCCESSOR';

export function isSuccessor(): boolean {
  return process.env[MARK] !== undefined && process.send !== undefined;
}

// How long the scenarios in this folder run: seconds in every test run, minutes with BAL_SOAK=long.

export const LONG = process.env['BAL_SOAK'] === 'long';

/** Returns the number for the short or the long form. */
export function scale(short: number, long: number): number {
  return LONG ? long : short;
}

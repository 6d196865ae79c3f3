// How long the scenarios in this folder run: seconds as a part of every test run, minutes with BAL_SOAK=long.

export const LONG = process.env['BAL_SOAK'] === 'long';

/** One number for the short form, one for the long one. */
export function scale(short: number, long: number): number {
  return LONG ? long : short;
}

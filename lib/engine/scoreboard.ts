// Memory that the primary and all workers share, in which workers see how many clients each of them has: what a message
// says is too old when a hundred clients come within a millisecond. native/scoreboard.c knows the same layout.
//
// One row of ROW_BYTES for each worker, which begins with how many clients it has and whether it accepts, 32 bits each.
// The first row is nobody's: its first 32 bits say below which number all rows in use are.

/** Also of workers that finish what they have after a reload; who gets none takes clients as they come. */
export const ROWS = 512;
export const ROW_BYTES = 64;

/** Where a worker finds the board of engine/board.ts: after the pipe for records. */
export const BOARD_FD = 5;

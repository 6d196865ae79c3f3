/** Where a worker finds the scoreboard of engine/scoreboard.ts: after the pipe for records. */
export const SCOREBOARD_FD = 5;

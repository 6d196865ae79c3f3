/** The worker's descriptor of the scoreboard (engine/scoreboard.ts), after the record pipe. */
export const SCOREBOARD_FD = 5;

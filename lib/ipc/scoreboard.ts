// How a worker learns of the scoreboard (engine/scoreboard.ts) when it is forked.

import { LAYOUT } from '../engine/scoreboard.ts';

/** The worker's descriptor of the scoreboard, after the record pipe. */
export const SCOREBOARD_FD = 5;

export interface Seat {
  /** The worker's row; 0: none. */
  readonly row: number;
  /** Why there is none. */
  readonly lack: string;
}

/** Names the layout too: a primary that runs on after an update forks workers of the new files. */
export function writeSeat({ row, lack }: Seat): string {
  return `${LAYOUT}:${row}:${lack}`;
}

export function readSeat(text = ''): Seat {
  const [, layout, row = '0', lack = ''] = /^(\d+):(\d+):(.*)$/s.exec(text) ?? [];
  if (Number(layout) === LAYOUT) return { row: Number(row), lack };
  return { row: 0, lack: 'the primary is of another version' };
}

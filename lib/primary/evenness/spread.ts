// How connections are spread over the workers that serve, and which move to make. Pure.

/** How many connections a worker has. */
export interface Load {
  readonly pid: number;
  readonly connections: number;
}

export interface Spread {
  readonly fewest: number;
  readonly most: number;
}

/** Move so many connections from `from` to `to`. */
export interface Move {
  readonly from: number;
  readonly to: number;
  readonly connections: number;
}

/** The state between two looks. Times are performance.now(). */
export type Known =
  /** No move is under way. After a move that came to nothing, none begins before `until`; `pauseMs` is the pause after the next failure. */
  | { readonly state: 'even'; readonly until: number; readonly pauseMs: number }
  /** A move has been worthwhile since `since`. */
  | { readonly state: 'uneven'; readonly since: number; readonly pauseMs: number }
  /** Connections are being moved; `before` is the spread at the start, `moved` how many have gone. */
  | {
      readonly state: 'evening';
      readonly since: number;
      readonly before: Spread;
      readonly moved: number;
      readonly pauseMs: number;
    };

/** A move is worthwhile if the fullest and the emptiest worker differ by this many connections, and by 1/part of the mean. */
export const WORTH = { connections: 16, part: 4 };
/** For this long: what a reload or a rush leaves may settle by itself. */
export const WAIT_MS = 1000;
/** In one move; there are at most 2 moves a second. */
export const AT_ONCE = 250;
/** At least 1/8 of the connections asked for must go, or the move came to nothing. */
const WORTH_GOING = 8;
/** Until the next try after a move that came to nothing; doubles each time. */
export const PAUSE_MS = { first: 10_000, most: 640_000 };

export const evenAtFirst: Known = { state: 'even', until: -Infinity, pauseMs: PAUSE_MS.first };

/** Null if there are fewer than two workers. */
export function spreadOf(loads: readonly Load[]): Spread | null {
  if (loads.length < 2) return null;
  const counts = loads.map(({ connections }) => connections);
  return { fewest: Math.min(...counts), most: Math.max(...counts) };
}

/** Decides on a move, if any, and the next state. */
export function look(
  known: Known,
  loads: readonly Load[],
  now: number,
): { readonly known: Known; readonly move: Move | null } {
  const spread = spreadOf(loads);
  const { pauseMs } = known;
  const isWorth = spread !== null && isUneven(spread, meanOf(loads));
  switch (known.state) {
    case 'even':
      if (!isWorth || now < known.until) return { known, move: null };
      return { known: { state: 'uneven', since: now, pauseMs }, move: null };
    case 'uneven': {
      if (!isWorth) return { known: { state: 'even', until: now, pauseMs }, move: null };
      if (now - known.since < WAIT_MS) return { known, move: null };
      const evening: Known = { state: 'evening', since: now, before: spread, moved: 0, pauseMs };
      return { known: evening, move: moveFor(loads) };
    }
    case 'evening': {
      // Once begun, an evening goes on to the end. Otherwise every client that comes or goes might start a new one.
      const move = moveFor(loads);
      return move === null ? { known: { state: 'even', until: now, pauseMs: PAUSE_MS.first }, move } : { known, move };
    }
  }
}

/** The state after a move: `gone` of the `asked` connections went; null means that the move failed. */
export function after(
  known: Known,
  { asked, gone }: { readonly asked: number; readonly gone: number | null },
  now: number,
): Known {
  if (known.state !== 'evening') return known;
  // If hardly any can move, they end before the spread is even.
  if (gone !== null && gone >= asked / WORTH_GOING) return { ...known, moved: known.moved + gone };
  const pauseMs = Math.min(PAUSE_MS.most, 2 * known.pauseMs);
  return { state: 'even', until: now + known.pauseMs, pauseMs };
}

function meanOf(loads: readonly Load[]): number {
  return loads.reduce((sum, { connections }) => sum + connections, 0) / loads.length;
}

function isUneven({ fewest, most }: Spread, mean: number): boolean {
  return most - fewest >= WORTH.connections && most - fewest >= mean / WORTH.part;
}

/** From the fullest worker to the emptiest, neither past the mean, so nothing ever goes back. */
function moveFor(loads: readonly Load[]): Move | null {
  const [emptiest] = loads.toSorted((a, b) => a.connections - b.connections);
  const [fullest] = loads.toSorted((a, b) => b.connections - a.connections);
  if (emptiest === undefined || fullest === undefined) return null;
  if (fullest.connections - emptiest.connections < 2) return null;
  const mean = meanOf(loads);
  const most = Math.min(fullest.connections - Math.ceil(mean), Math.floor(mean) - emptiest.connections, AT_ONCE);
  // Near the end the mean may lie between two numbers: one worker has one too many, another one too few.
  return { from: fullest.pid, to: emptiest.pid, connections: Math.max(1, most) };
}

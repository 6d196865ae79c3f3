// How connections are spread over the workers that serve, and what to do about it. Pure.

/** How many connections a worker has. */
export interface Load {
  readonly pid: number;
  readonly connections: number;
}

export interface Spread {
  readonly fewest: number;
  readonly most: number;
}

/** So many of `from`'s to `to`. */
export interface Move {
  readonly from: number;
  readonly to: number;
  readonly connections: number;
}

/** What is known of it from one look to the next. Times are performance.now(). */
export type Known =
  /** Nothing is to be done; after a move that came to nothing not before `until`, and then for `pauseMs`. */
  | { readonly state: 'even'; readonly until: number; readonly pauseMs: number }
  /** It has been worth a move since then. */
  | { readonly state: 'uneven'; readonly since: number; readonly pauseMs: number }
  /** Connections are on their way; `before`: how it was, `moved`: those that have gone. */
  | {
      readonly state: 'evening';
      readonly since: number;
      readonly before: Spread;
      readonly moved: number;
      readonly pauseMs: number;
    };

/** It is worth a move when the fullest has more than the emptiest by so many, and by this part of what each would have. */
export const WORTH = { connections: 16, part: 4 };
/** For so long: whatever a reload or a rush leaves may settle by itself. */
export const WAIT_MS = 1000;
/** In one move, of which there are two a second at most. */
export const AT_ONCE = 250;
/** Of those asked for, this part has to go. */
const WORTH_GOING = 8;
/** Until the next try, after one that came to nothing; twice as long each time. */
export const PAUSE_MS = { first: 10_000, most: 640_000 };

export const evenAtFirst: Known = { state: 'even', until: -Infinity, pauseMs: PAUSE_MS.first };

/** Null: there are no two. */
export function spreadOf(loads: readonly Load[]): Spread | null {
  if (loads.length < 2) return null;
  const counts = loads.map(({ connections }) => connections);
  return { fewest: Math.min(...counts), most: Math.max(...counts) };
}

/** What looking at them says: a move, if any, and what is known now. */
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
      // Once begun it goes on to the end: else each client that comes or goes might begin it anew.
      const move = moveFor(loads);
      return move === null ? { known: { state: 'even', until: now, pauseMs: PAUSE_MS.first }, move } : { known, move };
    }
  }
}

/** What came of a move: how many of those asked for have gone; null: it failed. */
export function after(
  known: Known,
  { asked, gone }: { readonly asked: number; readonly gone: number | null },
  now: number,
): Known {
  if (known.state !== 'evening') return known;
  // Where hardly any can go, they are over before they are even.
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

/** From the fullest to the emptiest, and neither past what each would have: so nothing ever goes back. */
function moveFor(loads: readonly Load[]): Move | null {
  const [emptiest] = loads.toSorted((a, b) => a.connections - b.connections);
  const [fullest] = loads.toSorted((a, b) => b.connections - a.connections);
  if (emptiest === undefined || fullest === undefined) return null;
  if (fullest.connections - emptiest.connections < 2) return null;
  const mean = meanOf(loads);
  const most = Math.min(fullest.connections - Math.ceil(mean), Math.floor(mean) - emptiest.connections, AT_ONCE);
  // At the end there may be one too many here and one too few there, and the mean between two numbers.
  return { from: fullest.pid, to: emptiest.pid, connections: Math.max(1, most) };
}

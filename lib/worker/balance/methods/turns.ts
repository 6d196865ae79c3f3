// Weighted turns: each member gets as many turns as its weight says, spread as evenly as possible; with equal weights the order
// is the list, repeated. Turn t of a member with weight w is due at (t + 1/2) / w. The earliest is next; ties go to the first in
// the list. Members in line are in a heap, so a turn costs the same for any weights, and little even with a thousand members.

interface Weighted {
  readonly id: number;
  readonly weight: number;
}

export interface Turns {
  /** Sets the members, by place in the list, and which are in line. A member that was in line before keeps its turn. */
  arrange(list: readonly Weighted[], isInLine: (place: number) => boolean): void;
  /** Skips this many turns. */
  skip(turns: number): void;
  /** Returns the place whose turn it is; −1: none is in line. */
  first(): number;
  /** Ends the turn of this place. */
  pass(place: number): void;
  /** When the next turn of this place is due. */
  due(place: number): number;
}

export function createTurns(): Turns {
  let ids: readonly number[] = [];
  let weights = new Float64Array();
  let turns = new Float64Array();
  let dues = new Float64Array();
  /** The `length` places in line; the first one's turn is next. */
  let heap = new Int32Array();
  let length = 0;
  /** When the last turn was due: a member due before that is late and has lost its turn. */
  let now = 0;
  let last = -1;

  function isBefore(a: number, b: number): boolean {
    const difference = (dues[a] ?? 0) - (dues[b] ?? 0);
    return difference < 0 || (difference === 0 && a < b);
  }

  function isLate(place: number): boolean {
    const due = dues[place] ?? 0;
    return due < now || (due === now && place <= last);
  }

  function setTurn(place: number, turn: number): void {
    turns[place] = turn;
    dues[place] = (turn + 0.5) / (weights[place] ?? 1);
  }

  /** Moves a member's next turn to its first one after the last turn taken. */
  function catchUp(place: number): void {
    setTurn(place, Math.max(0, Math.ceil(now * (weights[place] ?? 1) - 0.5)));
    while (isLate(place)) setTurn(place, (turns[place] ?? 0) + 1);
  }

  function siftDown(from: number): void {
    const place = heap[from] ?? 0;
    let at = from;
    for (let child = 2 * at + 1; child < length; child = 2 * at + 1) {
      const other = child + 1;
      if (other < length && isBefore(heap[other] ?? 0, heap[child] ?? 0)) child = other;
      const least = heap[child] ?? 0;
      if (isBefore(place, least)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = place;
  }

  function pass(place: number): void {
    now = dues[place] ?? 0;
    last = place;
    setTurn(place, (turns[place] ?? 0) + 1);
    // It is nearly always the first.
    const at = heap[0] === place ? 0 : heap.subarray(0, length).indexOf(place);
    if (at >= 0) siftDown(at);
  }

  return {
    arrange(list, isInLine) {
      const places = new Map(list.map(({ id }, place) => [id, place]));
      const waiting = new Map(
        Array.from(heap.subarray(0, length), (place) => [
          ids[place] ?? -1,
          { turn: turns[place] ?? 0, weight: weights[place] ?? 0 },
        ]),
      );
      // Find the new place of the last member; if it is gone, of the one before it.
      while (last >= 0 && !places.has(ids[last] ?? -1)) last--;
      if (last >= 0) last = places.get(ids[last] ?? -1) ?? -1;
      ids = list.map(({ id }) => id);
      weights = Float64Array.from(list, ({ weight }) => weight);
      turns = new Float64Array(list.length);
      dues = new Float64Array(list.length);
      heap = Int32Array.from(list.keys()).filter(isInLine);
      length = heap.length;
      list.forEach(({ id, weight }, place) => {
        const before = waiting.get(id);
        if (before?.weight === weight) setTurn(place, before.turn);
        else catchUp(place);
      });
      for (let at = (length >> 1) - 1; at >= 0; at--) siftDown(at);
    },
    skip(count) {
      const inLine = Array.from(heap.subarray(0, length));
      const sum = inLine.reduce((total, place) => total + (weights[place] ?? 0), 0);
      // Skip most of them at once: by then each member has had its share of them, give or take one.
      now = Math.max(0, (count - length) / sum);
      for (const place of inLine) catchUp(place);
      for (let at = (length >> 1) - 1; at >= 0; at--) siftDown(at);
      for (let left = count - inLine.reduce((total, place) => total + (turns[place] ?? 0), 0); left > 0; left--)
        pass(heap[0] ?? 0);
    },
    first() {
      if (length === 0) return -1;
      while (isLate(heap[0] ?? 0)) {
        catchUp(heap[0] ?? 0);
        siftDown(0);
      }
      return heap[0] ?? 0;
    },
    pass,
    due: (place) => dues[place] ?? 0,
  };
}

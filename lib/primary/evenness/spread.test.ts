import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as check, integer, property } from 'fast-check';
import type { Known, Load, Move } from './spread.ts';
import { after, AT_ONCE, evenAtFirst, look, PAUSE_MS, spreadOf, WAIT_MS, WORTH } from './spread.ts';

const LOOK_MS = 500;
const loadsOf = (counts: readonly number[]): Load[] => counts.map((connections, pid) => ({ pid, connections }));

/** Looks until nothing is to do for a while; `part` of each move goes. */
function evened(counts: readonly number[], part = 1): { readonly counts: number[]; readonly moves: Move[] } {
  const now = [...counts];
  const moves: Move[] = [];
  let known: Known = evenAtFirst;
  for (let at = 0; at < 120_000; at += LOOK_MS) {
    const seen = look(known, loadsOf(now), at);
    known = seen.known;
    if (seen.move === null) continue;
    const { from, to, connections } = seen.move;
    const gone = Math.floor(connections * part);
    now[from] = (now[from] ?? 0) - gone;
    now[to] = (now[to] ?? 0) + gone;
    moves.push(seen.move);
    known = after(known, { asked: connections, gone }, at);
  }
  return { counts: now, moves };
}

test('all end with the same, give or take one; what came is never given away', () => {
  check(
    property(array(integer({ min: 0, max: 3000 }), { minLength: 2, maxLength: 8 }), (counts) => {
      const { counts: end, moves } = evened(counts);
      const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);
      assert.equal(sum(end), sum(counts));
      const mean = sum(counts) / counts.length;
      const spread = spreadOf(loadsOf(counts)) ?? assert.fail();
      const isWorth = spread.most - spread.fewest >= Math.max(WORTH.connections, mean / WORTH.part);
      assert.equal(moves.length > 0, isWorth);
      if (isWorth) end.forEach((count) => assert.ok(Math.abs(count - mean) < 1, `${end.join()} of ${mean}`));
      const givers = new Set(moves.map(({ from }) => from));
      for (const { to, connections } of moves) {
        assert.ok(!givers.has(to), 'back and forth');
        assert.ok(connections > 0 && connections <= AT_ONCE);
      }
    }),
  );
});

test('a few connections, and what passes within a second, are left alone', () => {
  assert.deepEqual(evened([15, 0]).moves, []);
  assert.deepEqual(evened([500, 600]).moves, []);
  assert.equal(evened([16, 0]).counts.join(), '8,8');
  let { known } = look(evenAtFirst, loadsOf([100, 0]), 0);
  ({ known } = look(known, loadsOf([50, 50]), WAIT_MS / 2));
  assert.equal(look(known, loadsOf([100, 0]), WAIT_MS).move, null, 'it begins anew');
  assert.equal(look(evenAtFirst, loadsOf([100]), 0).known, evenAtFirst, 'nobody to give to');
});

test('where hardly any can go it is tried again after a pause, which grows', () => {
  const { moves } = evened([1000, 0], 1 / 10);
  assert.ok(moves.length <= 4, `${moves.length} in two minutes`);
  let known: Known = evenAtFirst;
  for (let i = 0; i < 20; i++) {
    known = after(
      { state: 'evening', since: 0, before: { fewest: 0, most: 9 }, moved: 0, pauseMs: known.pauseMs },
      { asked: 9, gone: null },
      0,
    );
  }
  assert.ok(known.state === 'even' && known.pauseMs === PAUSE_MS.most && known.until === PAUSE_MS.most);
});

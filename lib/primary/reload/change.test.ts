import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Diagnosis } from '../../control/protocol.ts';
import { carryOut, type Change } from './change.ts';

const NAMES = ['a', 'b', 'c', 'd'];

/** Four changes, of which the step with this name fails or throws. Records the steps in order. */
function scene(broken: string | null, throws = false) {
  const done: string[] = [];
  const defects: string[] = [];
  const act = (step: string): Promise<Diagnosis | null> => {
    done.push(step);
    if (step !== broken) return Promise.resolve(null);
    if (throws) return Promise.reject(new Error(step));
    return Promise.resolve({ what_happened: step, why_likely: '', do_this_now: '' });
  };
  const changes: Change[] = NAMES.map((name) => ({
    name,
    prepare: () => act(`prepare ${name}`),
    commit: () => act(`commit ${name}`),
    async rollback(from) {
      await act(`rollback ${name} ${from}`);
    },
  }));
  const result = carryOut(changes, (name) => void defects.push(name));
  return { result, done, defects };
}

const prepared = (until: number): string[] => NAMES.slice(0, until).map((name) => `prepare ${name}`);
const committed = (until: number): string[] => NAMES.slice(0, until).map((name) => `commit ${name}`);

test('all are prepared before the first one is committed', async () => {
  const { result, done } = scene(null);
  assert.equal(await result, null);
  assert.deepEqual(done, [...prepared(4), ...committed(4)]);
});

for (const [i, name] of NAMES.entries()) {
  for (const throws of [false, true]) {
    const how = throws ? 'throws' : 'fails';

    test(`when preparing ${name} ${how} nothing is committed, and what was begun is rolled back, the last one first`, async () => {
      const { result, done, defects } = scene(`prepare ${name}`, throws);
      assert.match((await result)?.what_happened ?? '', new RegExp(`prepare ${name}`));
      // A change that threw has not undone itself.
      const back = NAMES.slice(0, throws ? i + 1 : i).toReversed();
      assert.deepEqual(done, [...prepared(i + 1), ...back.map((each) => `rollback ${each} prepared`)]);
      assert.deepEqual(defects, throws ? [name] : []);
    });

    test(`when committing ${name} ${how} all are rolled back, each from where it was`, async () => {
      const { result, done, defects } = scene(`commit ${name}`, throws);
      assert.match((await result)?.what_happened ?? '', new RegExp(`commit ${name}`));
      const back = NAMES.toReversed().map((each, j) => {
        const isCommitted = NAMES.length - 1 - j < (throws ? i + 1 : i);
        return `rollback ${each} ${isCommitted ? 'committed' : 'prepared'}`;
      });
      assert.deepEqual(done, [...prepared(4), ...committed(i + 1), ...back]);
      assert.deepEqual(defects, throws ? [name] : []);
    });
  }

  test(`a rollback of ${name} that throws is told, and does not keep the others from theirs`, async () => {
    const done: string[] = [];
    const defects: string[] = [];
    const changes: Change[] = NAMES.map((each) => ({
      name: each,
      rollback() {
        done.push(each);
        return each === name ? Promise.reject(new Error('no way back')) : Promise.resolve();
      },
    }));
    const last: Change = { name: 'last', commit: () => Promise.reject(new Error('no way on')) };
    const problem = await carryOut([...changes, last], (each) => void defects.push(each));
    assert.match(problem?.what_happened ?? '', /no way on/);
    assert.deepEqual(done, NAMES.toReversed());
    assert.deepEqual(defects, ['last', name]);
  });
}

test('a change need not have every step', async () => {
  assert.equal(await carryOut([{ name: 'nothing' }], assert.fail), null);
  assert.equal(await carryOut([], assert.fail), null);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { nextPhase, type Phase, type PhaseEvent } from './phase.ts';

const EVENTS: readonly PhaseEvent[] = ['started', 'reload_begins', 'reload_ends', 'stop', 'stopped'];

function after(...events: readonly PhaseEvent[]): Phase {
  return events.reduce<Phase>(nextPhase, 'starting');
}

test('an instance starts, reloads as often as it likes, and stops', () => {
  assert.equal(after(), 'starting');
  assert.equal(after('started'), 'running');
  assert.equal(after('started', 'reload_begins'), 'reloading');
  assert.equal(after('started', 'reload_begins', 'reload_ends', 'reload_begins', 'reload_ends'), 'running');
  assert.equal(after('started', 'stop'), 'draining');
  assert.equal(after('started', 'stop', 'stopped'), 'stopped');
});

test('a stop wins over a start and a reload that are under way', () => {
  assert.equal(after('stop', 'started'), 'draining');
  assert.equal(after('started', 'reload_begins', 'stop', 'reload_ends'), 'draining');
});

test('after a stop nothing is served again, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS)), fc.array(fc.constantFrom(...EVENTS)), (before, later) => {
      assert.ok(['draining', 'stopped'].includes(after(...before, 'stop', ...later)));
      assert.equal(after(...before, 'stopped', ...later), 'stopped');
    }),
  );
});

test('only an instance that runs reloads', () => {
  for (const phase of ['starting', 'reloading', 'draining', 'stopped'] as const)
    assert.equal(nextPhase(phase, 'reload_begins'), phase);
});

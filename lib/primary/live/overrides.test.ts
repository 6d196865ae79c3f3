import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import { ANY_MACHINE } from '../../../config/machine.ts';
import type { Plan } from '../../../config/plan.ts';
import { backendText } from '../../../config/diff.ts';
import { administrationOf, liveChanges, settledChanges } from './live-changes.ts';
import type { Override, Overrides } from './overrides.ts';
import { effectivePlan, settle, withOverride } from './overrides.ts';

function planOf(text: string): Plan {
  const { plan, errors } = parseConfig(text, '/c.yaml');
  assert.ok(plan !== null, JSON.stringify(errors));
  return plan;
}

/** A plan of one service with these backends, each written as `a:1` or `a:1 weight 3`. */
function fileWith(...backends: string[]): Plan {
  const items = backends.map((text) => {
    const [host = '', port = '', weight = '1'] = text.split(/:| weight /);
    return `  - {host: ${host}, port: ${port}, weight: ${weight}}\n`;
  });
  return planOf(`port: 9295\nbackends:\n${items.join('')}`);
}

const none = { drained: null, weight: null, presence: null };

function override(address: string, its: Partial<Override>): Override {
  return { service: 'default', address, ...none, ...its };
}
const drained = { since: 1000, cutAt: null };
const removed = { kind: 'removed', since: 1000 } as const;
const added = (host: string, port: number) => ({ kind: 'added', host, port, since: 1000 }) as const;

function served(file: Plan, overrides: Overrides): string[] {
  return effectivePlan(file, overrides).services.flatMap(({ backends }) => backends.map(backendText));
}

test('a plan without overrides is the file itself', () => {
  const file = fileWith('a:1');
  assert.equal(effectivePlan(file, []), file);
});

test('drained backends have no weight, weighed ones their new one, removed ones are gone, added ones come last', () => {
  const file = fileWith('a:1 weight 3', 'b:2', 'c:3', 'd:4');
  const overrides = [
    override('e:5', { presence: added('e', 5), weight: { value: 7, since: 1 } }),
    override('a:1', { drained, weight: { value: 9, since: 1 } }),
    override('b:2', { weight: { value: 2, since: 1 } }),
    override('c:3', { presence: removed }),
  ];
  assert.deepEqual(served(file, overrides), ['a:1 weight 0', 'b:2 weight 2', 'd:4', 'e:5 weight 7']);
});

test('an override that says nothing is none', () => {
  const some = withOverride([], override('a:1', { drained }));
  assert.equal(some.length, 1);
  assert.deepEqual(withOverride(some, override('a:1', {})), []);
});

test('what the file says by itself is dropped without a word, the rest is kept', () => {
  const overrides = [
    override('a:1', { drained, weight: { value: 3, since: 1 } }),
    override('b:2', { presence: added('b', 2), weight: { value: 5, since: 1 } }),
    override('c:3', { presence: removed }),
    override('d:4', { presence: added('d', 4) }),
  ];
  const { kept, dropped } = settle(fileWith('a:1 weight 3', 'b:2 weight 2'), overrides, ANY_MACHINE);
  assert.deepEqual(kept, [
    override('a:1', { drained }),
    override('b:2', { weight: { value: 5, since: 1 } }),
    override('d:4', { presence: added('d', 4) }),
  ]);
  assert.deepEqual(dropped, []);
});

test('what has lost its backend or its service is dropped, with why', () => {
  const overrides = [
    override('gone:1', { drained }),
    { ...override('a:1', { drained }), service: 'web' },
    override('gone:2', { presence: removed }),
  ];
  const { kept, dropped } = settle(fileWith('a:1'), overrides, ANY_MACHINE);
  assert.deepEqual(kept, []);
  assert.deepEqual(
    dropped.map(({ override: { address }, why }) => [address, why]),
    [
      ['gone:1', 'it is gone from the file'],
      ['a:1', 'its service is gone'],
    ],
  );
});

test('one that was added and would be one too many, or lead back to bal itself, is dropped', () => {
  const many = fileWith(...Array.from({ length: 1023 }, (_, i) => `h${i}:1`));
  const two = [override('a:1', { presence: added('a', 1) }), override('b:1', { presence: added('b', 1) })];
  const full = settle(many, two, ANY_MACHINE);
  assert.deepEqual([full.kept.length, full.dropped[0]?.override.address], [1, 'b:1']);
  assert.match(full.dropped[0]?.why ?? '', /more than 1024 backends/);
  const loop = settle(
    fileWith('a:1'),
    [override('127.0.0.1:9295', { presence: added('127.0.0.1', 9295) })],
    ANY_MACHINE,
  );
  assert.deepEqual(
    loop.dropped.map(({ why }) => why),
    ['it would lead back to bal itself'],
  );
});

test('every difference is told with its time, and in the words of a reload', () => {
  const file = fileWith('a:1 weight 3');
  const overrides = [
    override('a:1', { drained: { since: 0, cutAt: 60_000 }, weight: { value: 2, since: 1000 } }),
    override('b:2', { presence: added('b', 2) }),
  ];
  assert.deepEqual(
    liveChanges(file, overrides).map(({ address, kind, text, since, until }) => [address, kind, text, since, until]),
    [
      ['a:1', 'drained', 'drained, what is left is cut at 1970-01-01T00:01:00.000Z', at(0), at(60_000)],
      ['a:1', 'weight', 'weight 2, in the file 3', at(1000), null],
      ['b:2', 'added', 'added', at(1000), null],
    ],
  );
  const next = fileWith('b:2');
  const { kept, dropped } = settledChanges(file, next, settle(next, overrides, ANY_MACHINE));
  assert.deepEqual(
    [kept, dropped.map(({ kind, why }) => `${kind}: ${why}`)],
    [[], ['drained: it is gone from the file', 'weight: it is gone from the file']],
  );
});

test('a drained backend is shown with the weight that it comes back with', () => {
  const file = fileWith('a:1 weight 3', 'b:2');
  const overrides = [override('a:1', { drained }), override('b:2', { presence: removed })];
  assert.deepEqual(administrationOf(file, overrides, 'default', 'a:1'), {
    administrative: 'drained',
    administrative_since: at(1000),
    weight: 3,
  });
  assert.deepEqual(administrationOf(file, overrides, 'default', 'b:2'), {
    administrative: 'removed',
    administrative_since: at(1000),
    weight: null,
  });
  assert.deepEqual(administrationOf(file, [], 'default', 'b:2'), {
    administrative: 'ready',
    administrative_since: null,
    weight: 1,
  });
});

function at(wall: number): string {
  return new Date(wall).toISOString();
}

import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LAYOUT } from '../../engine/scoreboard.ts';
import { createScoreboard } from '../scoreboard/scoreboard.ts';
import { inheritanceOf } from './bequest.ts';

const IDS = { services: [['web', 0]], endpoints: [['web', '127.0.0.1:1', 3]] };
const WHOLE = { layout: LAYOUT, rows: [1, 2], counting: [1], ids: IDS, more: true };

test('a bequest is used as a whole, or not at all', (t) => {
  const { fd } = createScoreboard();
  assert.ok(fd !== null);
  t.after(() => closeSync(fd));
  assert.deepEqual(inheritanceOf(WHOLE, fd), { scoreboard: { fd, rows: [1, 2], counting: [1] }, ids: IDS });
  const wrong = [
    undefined,
    { ...WHOLE, layout: LAYOUT + 1 },
    { ...WHOLE, rows: [0] },
    { ...WHOLE, rows: [512] },
    { ...WHOLE, counting: '1' },
    { ...WHOLE, ids: undefined },
    { ...WHOLE, ids: { ...IDS, services: [['web', -1]] } },
    { ...WHOLE, ids: { ...IDS, services: [['web', 1e9]] } },
    { ...WHOLE, ids: { ...IDS, endpoints: [['web', 1]] } },
    {
      ...WHOLE,
      ids: {
        ...IDS,
        services: [
          ['web', 1],
          ['db', 1],
        ],
      },
    },
    { ...WHOLE, ids: { ...IDS, endpoints: [['web', 'a:1', 1, 2]] } },
  ];
  for (const value of wrong) assert.equal(inheritanceOf(value, fd), null, JSON.stringify(value));
  fc.assert(fc.property(fc.anything(), (value) => inheritanceOf(value, fd) === null));
});

test('a descriptor that is no scoreboard is not used', (t) => {
  const fd = openSync(devNull, 'r+');
  t.after(() => closeSync(fd));
  assert.equal(inheritanceOf(WHOLE, fd), null);
  assert.equal(inheritanceOf(WHOLE, 9999), null);
});

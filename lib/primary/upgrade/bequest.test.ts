import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LAYOUT, ROW_BYTES, ROW_PROCESS_AT } from '../../engine/scoreboard.ts';
import { NOTE_AT } from '../../engine/sources.ts';
import { until } from '../../testing/until.ts';
import { createPermitBook } from '../limits/permits.ts';
import { createRegistry } from '../registry.ts';
import { createScoreboard } from '../scoreboard/scoreboard.ts';
import { createSharing, inherited, inheritanceOf } from './bequest.ts';

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

test('a successor keeps the scoreboard that it understands, and closes any other', (t) => {
  const isOpen = (fd: number): boolean => existsSync(`/proc/self/fd/${fd}`);
  const folder = mkdtempSync(join(tmpdir(), 'bal-bequest-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [bequest, stays] of [
    [WHOLE, true],
    [undefined, true],
    [{ ...WHOLE, layout: LAYOUT + 1 }, false],
  ] as const) {
    const { fd } = createScoreboard(folder);
    assert.ok(fd !== null);
    inherited(bequest, fd);
    assert.equal(isOpen(fd), stays, JSON.stringify(bequest));
    if (stays) closeSync(fd);
  }
  // Without a scoreboard the number may be another descriptor's.
  const other = openSync(devNull, 'r+');
  t.after(() => closeSync(other));
  inherited({ ...WHOLE, layout: LAYOUT + 1 }, other);
  assert.ok(isOpen(other));
});

/** The text of the scoreboard's note, with what may be left of an earlier one. */
function noted(fd: number): string {
  const bytes = Buffer.alloc(1000);
  return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, NOTE_AT));
}

test('when no worker of the predecessor is left, ids that only those used are free', async (t) => {
  const { fd } = createScoreboard();
  assert.ok(fd !== null);
  t.after(() => closeSync(fd));
  const workerIs = (pid: number): void =>
    void writeSync(fd, new Uint8Array(Int32Array.of(pid).buffer), 0, 4, ROW_BYTES + ROW_PROCESS_AT);
  const registry = createRegistry();
  const sharing = createSharing(registry, createPermitBook(), () =>
    registry.keepOnly({ services: ['mail'], endpoints: [], listeners: [] }),
  );
  sharing.share({ scoreboard: { fd, rows: [1], counting: [] }, ids: { services: [['web', 0]], endpoints: [] } });
  await until('the ids are noted', () => noted(fd).includes('"ids":{"services":[["web",0]]'));
  assert.equal(registry.service('mail'), 1);
  await until('new ones, too', () => noted(fd).includes('["mail",1]'));
  workerIs(process.pid);
  sharing.alone();
  registry.keepOnly({ services: ['mail'], endpoints: [], listeners: [] });
  assert.equal(registry.serviceOf(0), 'web', 'a worker whose primary is gone counts there');
  workerIs(0x7ffffff0);
  await until('the worker is gone', () => registry.serviceOf(0) === undefined);
  assert.equal(registry.serviceOf(1), 'mail');
});

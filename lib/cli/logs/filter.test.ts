import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTooOld, isWanted, momentOf } from './filter.ts';

const at = (iso: string, level = 'INFO'): string => `{"timestamp":"${iso}","level":"${level}","message":"m"}`;

test('a level wants itself and what is worse, and nothing that is no record', () => {
  const wanted = { level: 'warn', since: null } as const;
  const levels = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'OTHER'];
  assert.deepEqual(
    levels.filter((level) => isWanted(at('2026-03-01T09:30:00.000Z', level), wanted)),
    ['WARN', 'ERROR'],
  );
  assert.equal(isWanted('garbage', wanted), false);
  assert.equal(isWanted('garbage', { level: null, since: null }), true);
});

test('a time wants what is younger, and what nobody knows the time of', () => {
  const since = Date.parse('2026-03-01T09:30:00.000Z');
  assert.equal(isWanted(at('2026-03-01T09:29:59.999Z'), { level: null, since }), false);
  assert.equal(isWanted(at('2026-03-01T09:30:00.000Z'), { level: null, since }), true);
  assert.equal(isWanted('garbage', { level: null, since }), true);
  assert.equal(isTooOld(at('2026-03-01T09:29:59.999Z'), { level: null, since }), false, 'lines may be out of order');
  assert.equal(isTooOld(at('2026-03-01T09:28:00.000Z'), { level: null, since }), true);
  assert.equal(isTooOld('garbage', { level: null, since }), false);
});

test('moments are durations, days and times', () => {
  const now = new Date(2026, 2, 1, 12, 0, 0);
  const cases: readonly [string, number | null][] = [
    ['10m', now.getTime() - 600_000],
    ['2h', now.getTime() - 7_200_000],
    ['3d', now.getTime() - 3 * 86_400_000],
    ['09:30', new Date(2026, 2, 1, 9, 30).getTime()],
    ['09:30:05', new Date(2026, 2, 1, 9, 30, 5).getTime()],
    ['2026-02-03', new Date(2026, 1, 3).getTime()],
    ['2026-02-03 04:05', new Date(2026, 1, 3, 4, 5).getTime()],
    ['2026-02-03T04:05:06.125Z', Date.UTC(2026, 1, 3, 4, 5, 6, 125)],
    ['2026-02-03T04:05:06+01:00', Date.UTC(2026, 1, 3, 3, 5, 6)],
    ['24:00', null],
    ['2026-13-01', null],
    ['2026-02-31', null],
    ['2026-02-29 04:05', null],
    ['2028-02-29', new Date(2028, 1, 29).getTime()],
    ['2026-04-31T04:05:06Z', null],
    ['yesterday', null],
    ['10', null],
    ['', null],
  ];
  for (const [text, moment] of cases) assert.equal(momentOf(text, now), moment, text);
});

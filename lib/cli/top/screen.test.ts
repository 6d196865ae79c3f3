import assert from 'node:assert/strict';
import { test } from 'node:test';

import { unknownStatus } from '../status.ts';
import { serviceWith, statusWith } from '../../testing/statuses.ts';
import { observe } from '../../control/rates.ts';
import { fitted } from './fit.ts';
import { furthest, screen, sparkline, type View } from './screen.ts';

/** The defaults of every view. */
const PLAIN = {
  events: [],
  sort: 'config',
  scroll: 0,
  shift: 0,
  isHelp: false,
  lostAt: null,
  now: 0,
  isUnicode: true,
} as const;

const plain = { out: () => undefined, err: () => undefined, colour: false };
const io = { out: () => undefined, err: () => undefined, colour: true };

test('a sparkline is scaled to its highest value, and flat without traffic', () => {
  assert.equal(sparkline([0, 0, 0]), '▁▁▁');
  assert.equal(sparkline([0, 50, 100]), '▁▅█');
  assert.equal(sparkline(Array.from({ length: 100 }, () => 1)).length, 30);
});

test('the screen never has more lines or columns than the terminal', () => {
  const history = observe(null, unknownStatus(true, 1), 0);
  for (const size of [
    { columns: 1, rows: 1 },
    { columns: 20, rows: 5 },
    { columns: 200, rows: 60 },
  ]) {
    const lines = screen({ ...PLAIN, history, size }, io);
    assert.ok(lines.length <= size.rows);
    for (const line of lines) assert.ok(fitted(line, size.columns) === line);
  }
});

const BACKENDS = 100;

/** One service with many backends, the last one down. */
function crowd(): View['history'] {
  const states = Array.from({ length: BACKENDS }, (_, i) => (i + 1 < BACKENDS ? ('up' as const) : ('down' as const)));
  return observe(null, statusWith([serviceWith('web', states)]), 0);
}

test('what does not fit is reached by scrolling, and the head stays', () => {
  const view: View = { ...PLAIN, history: crowd(), size: { columns: 120, rows: 20 } };
  const start = screen(view, io);
  const end = screen({ ...view, scroll: furthest(view, io) }, io);
  assert.equal(start.length, 20);
  assert.equal(end.length, 20);
  assert.equal(start[0], end[0]);
  assert.match(start.at(-1) ?? '', /^1-16 of \d+ lines/);
  assert.ok(
    end.some((line) => line.includes(`10.0.0.${BACKENDS}:80`)) && end.some((line) => line.startsWith('WORKER')),
  );
});

test('sorted by state, the backend that is down comes first', () => {
  const view: View = { ...PLAIN, history: crowd(), sort: 'worst', size: { columns: 120, rows: 20 } };
  assert.match(screen(view, io)[5] ?? '', new RegExp(`10\\.0\\.0\\.${BACKENDS}:80 .*down`));
});

test('what goes on in old workers is told while there is something', () => {
  const status = unknownStatus(true, 1);
  const head = (connections: number): string => {
    const draining = { connections, workers: 1, generations: 1, until: null };
    const view: View = { ...PLAIN, history: observe(null, { ...status, draining }, 0), size: null };
    return screen(view, io).join('\n');
  };
  assert.match(head(3), /3 connections go on in 1 old worker/);
  assert.doesNotMatch(head(0), /old/);
});

test('clients that no service got are told where services share a port', () => {
  const status = unknownStatus(true, 1);
  const recent = { window_ms: 0, ended: 0, failed: 0, failing: false, by_reason: {}, reset_early: 0, local: 0 };
  const listener = {
    address: '0.0.0.0:443',
    services: ['a', 'b'],
    active_connections: 0,
    ends: { no_route: 2 },
    recent: { ...recent, since: null, last: null },
  };
  const view: View = { ...PLAIN, history: observe(null, { ...status, listeners: [listener] }, 0), size: null };
  assert.ok(screen(view, io).some((line) => /0\.0\.0\.0:443 shared by a, b: .*no_route 2/.test(line)));
});

test('at every width a row has name and state, what does not fit is counted, and is reached sideways', () => {
  const history = observe(
    null,
    statusWith([serviceWith('web', ['up', 'up']), serviceWith('orders-of-a-long-name', ['up', 'down'])]),
    0,
  );
  const at = (columns: number, shift = 0): string[] =>
    screen({ ...PLAIN, history, sort: 'worst', size: { columns, rows: 20 }, shift }, plain);
  for (let columns = 40; columns < 140; columns++) {
    const [first = '', figures = '', , heads = '', service = '', backend = ''] = at(columns);
    assert.match(first, /^bal here {2}degraded/);
    assert.match(figures, /^backends up 3 of 4/);
    assert.match(heads, /^SERVICE.* {2}STATE/);
    assert.match(service, /^orders\S* .*:80 +degraded 1\/2/);
    assert.match(backend, /^ {2}10\.0\.0\.2:80 +down/, 'the worst first');
    assert.equal(/^SERVICE \+\d+ →/.test(heads), !heads.endsWith('TREND'), `${columns}: ${heads}`);
  }
  assert.match(at(40)[3] ?? '', /^SERVICE \+8 → +STATE +OPEN$/);
  assert.match(at(40, 1)[3] ?? '', /^SERVICE \+8 ←→ +STATE +CONN\/S$/);
  assert.match(at(40, 8)[3] ?? '', /^SERVICE \+8 ← +STATE +TREND$/);
});

test('a long name of one backend does not hide the figures of all', () => {
  const service = serviceWith('web', ['up']);
  const backends = service.backends.map((backend) => ({ ...backend, address: `${'a-long-name.'.repeat(6)}test:80` }));
  const history = observe(null, statusWith([{ ...service, backends }]), 0);
  const lines = screen({ ...PLAIN, history, size: { columns: 80, rows: 20 } }, plain);
  assert.match(lines[3] ?? '', /^SERVICE \+5 → +STATE +OPEN +CONN\/S +FAILED +FOR$/);
  assert.match(lines[5] ?? '', /^ {2}a-long-name\.a-.*….*name\.test:80 +up/);
});

test('? shows what keys and words mean, in any width', () => {
  const view: View = { ...PLAIN, history: crowd(), size: { columns: 40, rows: 60 }, isHelp: true };
  const lines = screen(view, plain);
  assert.match(lines[0] ?? '', /\? back/);
  for (const word of ['q ', 's ', 'degraded ', 'failing ', 'refused '])
    assert.ok(
      lines.some((line) => line.startsWith(word)),
      word,
    );
  assert.ok(
    lines.every((line) => line.length <= 40 && !line.endsWith('…')),
    lines.join('\n'),
  );
});

test('a terminal without Unicode gets ASCII only', () => {
  const view: View = { ...PLAIN, history: crowd(), size: { columns: 60, rows: 10 }, isUnicode: false };
  for (const line of screen(view, plain)) assert.match(line, /^[\x20-\x7e]*$/);
});

test('one that does not answer has no state of now', () => {
  const view: View = { ...PLAIN, history: crowd(), size: { columns: 120, rows: 10 }, lostAt: 0 };
  const [first = ''] = screen(view, plain);
  assert.match(first, /^bal here {2}no answer since .*; these are the last figures/);
  assert.doesNotMatch(first, /degraded|running/);
});

test('a home with a name that would steer the terminal does not', () => {
  const status = { ...statusWith([serviceWith('web', ['up'])]), home: '/run/e\u001b[8mdge' };
  const lines = screen({ ...PLAIN, history: observe(null, status, 0), size: null }, plain);
  assert.match(lines[0] ?? '', /here\/e\\u001b\[8mdge/);
  assert.doesNotMatch(lines.join(''), /\p{Cc}/u);
});

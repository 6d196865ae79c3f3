import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkNode } from './node.ts';

function levelOf(node: string, day: string): string | undefined {
  return checkNode({ ...process.versions, node }, new Date(day))[0]?.level;
}

test('a Node beyond the end of its life is a warning from that day on', () => {
  assert.equal(levelOf('20.20.2', '2026-04-29'), 'ok');
  assert.equal(levelOf('20.20.2', '2026-04-30'), 'warn');
  assert.equal(levelOf('24.21.0', '2026-11-22'), 'ok');
  assert.equal(levelOf('99.0.0', '2040-01-01'), 'ok', 'of a line from the future nothing is known');
});

test('an old libuv is a note, not a warning', () => {
  for (const [uv, text] of [
    ['1.46.0', /resets/],
    ['1.51.0', /resets/],
    ['1.52.1', /^libuv 1.52.1$/],
    ['2.0.0', /^libuv 2.0.0$/],
  ] as const) {
    const finding = checkNode({ ...process.versions, uv })[1];
    assert.equal(finding?.level, 'ok');
    assert.match(finding?.summary ?? '', text);
  }
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openFiles } from './log-file.ts';

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'bal-log-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const THREE = 'a\nb\nc\n';

test('each line of a batch that cannot be written counts as lost', async (t) => {
  const inTheWay = join(folder(t), 'logs');
  writeFileSync(inTheWay, '');
  const sink = await openFiles(inTheWay);
  t.after(() => sink.close());
  sink.write(THREE);
  assert.equal(sink.dropped, 3);
});

test('and so does each that does not fit into the memory for what waits', async (t) => {
  const sink = await openFiles(join(folder(t), 'logs'));
  t.after(() => sink.close());
  sink.write(`${'x'.repeat(4 * 1024 * 1024 - 1)}\n`);
  assert.equal(sink.dropped, 0);
  sink.write(THREE);
  assert.equal(sink.dropped, 3);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../config/load.ts';
import { createFinding } from './finding.ts';
import type { Log } from './log/log.ts';

test('however many names lead elsewhere, one rediscovery waits for its turn', async () => {
  const quiet = (): void => undefined;
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, for: () => log };
  const { plan } = parseConfig(JSON.stringify({ services: { a: { port: 1, backends: ['127.0.0.1:2'] } } }), 'c.yaml');
  assert.ok(plan !== null);
  const waiting: { begins: () => void; ends: () => void }[] = [];
  let forgotten = 0;
  const finding = createFinding({
    log,
    state: {
      phase: 'running',
      plan,
      filePlan: plan,
      basePlan: plan,
      generation: 1,
      reloads: 0,
      refused: null,
      read: '',
      past: { respawned: 0, linesDropped: 0 },
    },
    kept: [],
    generations: { replace: quiet },
    live: () => ({
      overrides: [],
      rediscovered: (begins) => new Promise((resolve) => waiting.push({ begins, ends: resolve })),
    }),
    forget: () => forgotten++,
  });
  for (let i = 0; i < 1000; i++) finding.again();
  assert.equal(waiting.length, 1);
  waiting[0]?.begins();
  // The one that has begun may miss changes from now on.
  for (let i = 0; i < 1000; i++) finding.again();
  assert.equal(waiting.length, 2);
  for (const { begins, ends } of waiting) {
    begins();
    ends();
  }
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(forgotten, 2);
  finding.resolver.close();
});

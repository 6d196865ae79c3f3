// Loaded into a bal by heap.ts: on SIGWINCH collects all garbage and writes how many bytes are alive.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

process.on('SIGWINCH', () => {
  collect();
  const file = join(process.env['BAL_HOME'] ?? '', `heap.${process.pid}`);
  // In one step, so that nobody reads half of it.
  writeFileSync(`${file}.new`, String(process.memoryUsage().heapUsed));
  renameSync(`${file}.new`, file);
});

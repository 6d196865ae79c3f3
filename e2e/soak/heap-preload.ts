// Preloaded into a bal by heap.ts: on SIGWINCH collects all garbage and writes how many bytes are alive, and which timers,
// sockets and other resources keep the process running.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

process.on('SIGWINCH', () => {
  collect();
  const file = join(process.env['BAL_HOME'] ?? '', `heap.${process.pid}`);
  const inside = { heapBytes: process.memoryUsage().heapUsed, resources: process.getActiveResourcesInfo() };
  // Atomically, so that nobody reads a half-written file.
  writeFileSync(`${file}.new`, JSON.stringify(inside));
  renameSync(`${file}.new`, file);
});

// A worker process: gets its assignment, snapshots and listening handles from the primary, relays bytes and reports. It knows
// nothing else and lives for one generation of the configuration. Imports only node:* and our own code, to stay small.

import cluster from 'node:cluster';

import { send, trySend } from '../ipc/channel.ts';
import type { ToWorker } from '../ipc/messages.ts';
import { readSeat } from '../ipc/scoreboard.ts';
import { home } from '../paths.ts';
import { nameProcess } from '../process-name.ts';
import { loadEngine } from './engine-choice.ts';
import { openRecordPipe } from './report/record-pipe.ts';
import { createRecords } from './report/records.ts';
import type { Worker } from './worker.ts';
import { createWorker } from './worker.ts';

nameProcess(`bal: worker ${process.env['BAL_WORKER'] ?? 1}`);

// Ctrl-C goes to the whole process group, and a service manager may signal every process: only the primary decides.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => undefined);

const records = createRecords(openRecordPipe(), (count) => trySend({ kind: 'records_dropped', count }));
const { BAL_ENGINE: choice = 'auto', BAL_SEAT: seat, BAL_COUNTS: counts = '0' } = process.env;
const engine = await loadEngine(choice, readSeat(seat), counts === '1');
if (!engine.ok) {
  process.stderr.write(`bal worker: ${engine.reason}\n`);
  process.exit(1);
}
const { create, name, board, channels, note } = engine;

let worker: Worker | null = null;

process.on('message', (message: ToWorker, handle: unknown) => {
  if (message.kind === 'assignment') {
    const id = Number(process.env['BAL_WORKER'] ?? 1);
    worker ??= createWorker(message.assignment, { id, create, board, channels, records });
  } else if (worker !== null) {
    worker.receive(message, handle);
  } else if (message.kind === 'drain') {
    process.exit(0);
  }
});

// The primary died. Node itself would exit at once and cut every connection. Instead, give up the port so that a new primary
// can bind it, finish the connections within the drain time or give them to the next primary's workers, and exit.
process.prependListener('disconnect', () => {
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  if (worker === null) process.exit(0);
  worker.drain({ timeoutMs: null, why: 'stopped', handover: home().handover(process.pid) });
});

send({ kind: 'hello', engine: name, note, shares: board !== null });

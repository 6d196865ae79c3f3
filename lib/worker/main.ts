// A worker process: gets tables and listening handles from the primary, moves bytes, reports. It knows nothing but its
// table, and lives for one generation of the configuration. Imports node:* and our own code only, to stay small.

import cluster from 'node:cluster';

import type { BoundHandle, CreateEngine, Engine, Shortages } from '../engine/engine.ts';
import { send, sendLast, trySend } from '../ipc/channel.ts';
import type { ToWorker } from '../ipc/messages.ts';
import type { Table } from '../ipc/table.ts';
import { unreachable } from '../unreachable.ts';
import type { Admission } from './admission/admission.ts';
import { createAdmission } from './admission/admission.ts';
import { giveMemoryBack } from './at-rest.ts';
import type { Draining } from './draining.ts';
import { createDraining } from './draining.ts';
import { loadEngine } from './engine-choice.ts';
import { movedRoutes } from './moved.ts';
import type { WorkerPolicy } from './policy.ts';
import { createPolicy } from './policy.ts';
import { openRecordPipe } from './report/record-pipe.ts';
import { createRecords } from './report/records.ts';
import { createReporter } from './report/reporter.ts';
import { createReports } from './report/reports.ts';
import { watchShortages } from './report/shortages.ts';

// Ctrl-C goes to the whole process group, and a service manager may signal every process: only the primary decides.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => undefined);

const reporter = createReporter();
const records = createRecords(openRecordPipe(), (count) => trySend({ kind: 'records_dropped', count }));
const chosen = await loadEngine(process.env['BAL_ENGINE'] ?? 'auto', Number(process.env['BAL_SEAT'] ?? 0));
if (!chosen.ok) {
  process.stderr.write(`bal worker: ${chosen.reason}\n`);
  process.exit(1);
}

let engine: Engine | null = null;
let admission: Admission | null = null;
let policy: WorkerPolicy | null = null;
let table: Table | null = null;
let draining: Draining | null = null;
const shortages = watchShortages(shortOf, reporter);
const reports = createReports({
  values: () => policy?.counters(engine?.bytes ?? new Float64Array()) ?? new Float64Array(),
  short: shortOf,
  takeReached: () => policy?.takeReached() ?? [],
});

process.on('message', (message: ToWorker, handle: unknown) => receive(message, handle));

// The primary died. Node's own reaction would be to exit at once and cut every connection; instead give the port up so
// that a new primary can bind it, finish what is there within the drain time, and go.
process.prependListener('disconnect', () => {
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  drain(null, 'stopped');
});

send({ kind: 'hello', engine: chosen.name, note: chosen.note });

/** Absolute counts by what was short. */
function shortOf(): Shortages {
  const refused = admission?.beyondDescriptors ?? 0;
  return { ...engine?.shortages(), ...(refused > 0 && { descriptors: refused }) };
}

function receive(message: ToWorker, handle: unknown): void {
  switch (message.kind) {
    case 'table':
      return useTable(message.table);
    case 'listen':
      return listen(message.service, handle);
    case 'slots':
      return admission?.slots(message);
    case 'recall':
      return admission?.recall(message.pool);
    case 'report':
      return reports.answer(message.id);
    case 'drain':
      return drain(message.timeoutMs, message.why);
    default:
      return unreachable(message);
  }
}

function useTable(next: Table): void {
  if (table !== null && next.version < table.version) return;
  const moved = movedRoutes(table, next);
  table = next;
  if (engine === null || policy === null) {
    if (chosen.ok) begin(next, chosen.create);
  } else {
    policy.use(next);
  }
  for (const { backend, service, ip, port } of moved) engine?.route(backend, service, ip, port);
}

function begin(first: Table, create: CreateEngine): void {
  const gate = createAdmission(first, (connection, admitted) => {
    if (policy !== null) engine?.decide(connection, policy.decide(connection, admitted));
  });
  admission = gate;
  policy = createPolicy(first, Number(process.env['BAL_WORKER'] ?? 1), {
    admission: gate,
    reporter,
    records,
    clientAddress: (connection) => engine?.clientAddress(connection) ?? '',
  });
  engine = create(policy);
  for (const [service, settings] of first.services.entries()) engine.service(service, settings);
  reports.begin(first.services.some(({ method }) => method === 'least_connections'));
}

function listen(service: number, handle: unknown): void {
  const settings = table?.services[service];
  if (engine === null || settings === undefined || !isBoundHandle(handle)) {
    send({ kind: 'listen_failed', service, code: 'EINVAL' });
    return;
  }
  try {
    engine.listen(service, handle, settings);
    send({ kind: 'listening', service });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    send({ kind: 'listen_failed', service, code });
  }
}

function isBoundHandle(handle: unknown): handle is BoundHandle {
  return typeof handle === 'object' && handle !== null && 'listen' in handle && 'fd' in handle;
}

/** See the message `drain`; also called again, to hurry. */
function drain(timeoutMs: number | null, why: 'drain' | 'stopped'): void {
  if (engine === null || table === null) process.exit(0);
  engine.stopAccepting();
  policy?.cutFor(why);
  admission?.drain();
  draining ??= createDraining(engine, finish, rest);
  draining.told(table.services, timeoutMs, why);
}

/** Some connections stay for long: what was needed for new ones is given back. */
function rest(): void {
  // Nobody waits for a slot any longer.
  admission?.close();
  shortages.close();
  reports.rest();
  void giveMemoryBack();
}

function finish(cut: number): void {
  shortages.close();
  reporter.close();
  reports.close();
  admission?.close();
  engine?.close();
  // Not before pipe and channel have written it: the last records and counters are on them too.
  records.close(() => sendLast({ kind: 'drained', cut }, () => process.exit(0)));
}

// A reload cuts no connection. Where connections cannot be handed over, old workers live until theirs end, and status reports
// how many there are and until when.
import assert from 'node:assert/strict';
import type { DrainingStatus } from '../lib/control/protocol.ts';
import { type Bal, startBal } from './harness.ts';
import { ask } from './harness/admin.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import type { Client } from './harness/client.ts';
import { configFor, QUICK } from './harness/config.ts';
import { forEachEngine, forEitherEngine } from './harness/engines.ts';
import { freePort } from '../lib/testing/ports.ts';
import { gone, signal } from './harness/processes.ts';
import { lives, session } from './harness/session.ts';

/** Connections stay with their worker, as with the js engine. */
const KEPT = { BAL_NATIVE_DISABLE: 'handover' };

async function reloaded(bal: Bal): Promise<DrainingStatus | null> {
  const { code, verdict } = await bal.graceful();
  assert.equal(code, 0, JSON.stringify(verdict));
  return verdict.draining;
}

forEachEngine(
  'a session outlives a reload by far more than drain_timeout_ms, and is cut where reload_drain_timeout_ms says so',
  async (t, engine) => {
    const a = await backend(t, echo);
    const [free, limited] = [await freePort(), await freePort()];
    const backends = [{ host: a.host, port: a.port }];
    const config = {
      bind_address: '127.0.0.1',
      workers: 1,
      runtime: { ...QUICK, drain_timeout_ms: 200 },
      services: {
        free: { port: free, backends },
        limited: { port: limited, backends, runtime: { reload_drain_timeout_ms: 600 } },
      },
    };
    const bal = await startBal(t, { engine, env: KEPT, config });
    const [patient, hurried] = [await session(t, free), await session(t, limited)];
    assert.deepEqual(await reloaded(bal), { connections: 2, workers: 1, generations: 1, until: null });
    // Its end shows that three times the other timeout has passed.
    await hurried.over;
    await lives(patient);
    const [service] = (await bal.status()).services;
    assert.equal(service?.ends?.['drain'], 0);
    const { services } = await bal.statusWhen(
      'the cut is counted',
      (now) => (now.services[1]?.ends?.['drain'] ?? 0) > 0,
    );
    assert.equal(services[1]?.ends?.['drain'], 1);
    patient.end();
    assert.equal((await patient.over).how, 'fin');
    await bal.logged('worker.exited', ({ level, fields }) => level === 'WARN' && fields['cut'] === 1);
  },
);

forEitherEngine('how many connections go on in old workers, and until when, is told everywhere', async (t, engine) => {
  const a = await backend(t, echo);
  const [port, admin] = [await freePort(), await freePort()];
  const plain = configFor(port, [a], { workers: 1, admin: `127.0.0.1:${admin}` });
  const bal = await startBal(t, { engine, env: KEPT, config: plain });
  const none = { connections: 0, workers: 0, generations: 0, until: null };
  assert.deepEqual((await bal.status()).draining, none);
  assert.match((await bal.cli('doctor')).stdout, /ok +old_workers +none/);
  const clients = [await session(t, port), await session(t, port)];
  assert.deepEqual(await reloaded(bal), { connections: 2, workers: 1, generations: 1, until: null });
  clients.push(await session(t, port));
  bal.configure({ ...plain, runtime: { ...QUICK, reload_drain_timeout_ms: 3_600_000 } });
  const text = (await bal.cli('graceful')).stdout;
  const sentence = /3 connections go on in 2 old workers of 2 generations, until they end\n/;
  assert.match(text, sentence);
  const status = await bal.status();
  assert.deepEqual(status.draining, { connections: 3, workers: 2, generations: 2, until: null });
  assert.match((await bal.cli('status')).stdout, sentence);
  assert.match((await bal.cli('status', '--brief')).stdout, /draining 3/);
  assert.match((await bal.cli('why')).stdout, sentence);
  assert.deepEqual(JSON.parse((await bal.cli('why', '--json')).stdout).draining, status.draining);
  const doctor = await bal.cli('doctor');
  assert.match(
    doctor.stdout,
    /ok +old_workers +3 connections go on in 2 old workers of 2 generations, until they end\n/,
  );
  const { body } = await ask(admin, '/metrics');
  assert.match(body, /^bal_draining_connections 3$/m);
  assert.match(body, /^bal_draining_generations 2$/m);

  // The first two generations had no limit; this one has an hour and is then the last to go.
  clients.push(await session(t, port));
  for (const client of clients.splice(0, 3)) client.end();
  await bal.statusWhen('they are gone', ({ workers }) => workers.length === 1);
  const before = Date.now();
  const limited = await reloaded(bal);
  assert.deepEqual({ ...limited, until: null }, { connections: 1, workers: 1, generations: 1, until: null });
  const left = Date.parse(limited?.until ?? '') - before;
  assert.ok(left > 3_500_000 && left < 3_700_000, `${left} ms`);
  assert.match(
    (await bal.cli('status')).stdout,
    /1 connection goes on in 1 old worker, until it ends, and no longer than 2/,
  );
  const reported = await bal.logged('config.reloaded', ({ fields }) => fields['draining_until'] === limited?.until);
  assert.equal(reported.fields['draining_connections'], 1);
});

forEachEngine('the primary is killed: workers of all generations end within drain_timeout_ms', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const config = configFor(port, [a], { workers: 1, runtime: { drain_timeout_ms: 1000 } });
  const bal = await startBal(t, { engine, env: KEPT, config });
  const clients: Client[] = [];
  for (let i = 0; i < 3; i++) {
    clients.push(await session(t, port));
    await reloaded(bal);
  }
  const workers = await bal.workerPids();
  assert.equal(workers.length, 4);
  await bal.killPrimary();
  for (const client of clients) await client.over;
  await Promise.all(workers.map(gone));
});

forEachEngine(
  'an old worker that dies or hangs is told with what it had, and nobody takes its place',
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const bal = await startBal(t, { engine, env: KEPT, config: configFor(port, [a], { workers: 1 }) });
    const clients: Client[] = [];
    const pids: number[] = [];
    for (let i = 0; i < 3; i++) {
      clients.push(await session(t, port));
      pids.push((await bal.status()).workers.find(({ state }) => state === 'ready')?.pid ?? 0);
      await reloaded(bal);
    }
    const [first, second, third] = clients;
    const [killed = 0, hung = 0] = pids;
    signal(killed, 'SIGKILL');
    await first?.over;
    const death = await bal.logged('worker.exited', ({ fields }) => fields['pid'] === killed);
    assert.deepEqual([death.level, death.fields['cut']], ['WARN', 1]);
    signal(hung, 'SIGSTOP');
    await bal.logged('worker.hung', ({ fields }) => fields['pid'] === hung);
    await second?.over;
    const end = await bal.logged('worker.exited', ({ fields }) => fields['pid'] === hung);
    assert.deepEqual([end.level, end.fields['cut']], ['WARN', 1]);
    if (third !== undefined) await lives(third);
    const { draining, workers, totals } = await bal.status();
    assert.deepEqual(draining, { connections: 1, workers: 1, generations: 1, until: null });
    assert.equal(workers.length, 2);
    assert.equal(totals?.workers_respawned_total, 0);
  },
);

forEachEngine('a backend that left the configuration is shown as long as it has connections', async (t, engine) => {
  const [a, b, c] = [await backend(t, echo), await backend(t, echo), await backend(t, echo)];
  const port = await freePort();
  const bal = await startBal(t, { engine, env: KEPT, config: configFor(port, [a], { workers: 1 }) });
  const toA = await session(t, port);
  bal.configure(configFor(port, [b], { workers: 1 }));
  await reloaded(bal);
  const toB = await session(t, port);
  bal.configure(configFor(port, [c], { workers: 1 }));
  await reloaded(bal);
  const states = async (): Promise<unknown> =>
    Object.fromEntries((await bal.status()).backends.map(({ address, state }) => [address, state]));
  const at = ({ host, port: of }: { host: string; port: number }): string => `${host}:${of}`;
  assert.deepEqual(await states(), { [at(c)]: 'up', [at(a)]: 'draining', [at(b)]: 'draining' });
  toB.end();
  await toB.over;
  // The other old generation lives on and does not know that backend.
  await bal.statusWhen('the second is forgotten', ({ backends }) => backends.length === 2);
  assert.deepEqual(await states(), { [at(c)]: 'up', [at(a)]: 'draining' });
  await lives(toA);
});

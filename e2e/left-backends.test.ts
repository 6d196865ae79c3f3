// A backend that has left the configuration, with connections that another process of bal has begun.
import assert from 'node:assert/strict';
import type { BackendVerdict } from '../lib/control/backends.ts';
import { freePort } from '../lib/testing/ports.ts';
import { startBal, type Bal } from './harness.ts';
import { backend, type Backend } from './harness/backend.ts';
import { namedAndStays } from './harness/behaviours.ts';
import { connectTo, type Client } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';

/** Opens sessions, one after the other, so that each backend has two. */
async function sessions(t: Parameters<typeof connectTo>[0], port: number): Promise<Client[]> {
  const all: Client[] = [];
  for (let i = 0; i < 4; i++) {
    const client = await connectTo(t, port);
    await client.reads(1);
    all.push(client);
  }
  return all;
}

async function isDraining(bal: Bal, { address }: Backend, connections: number): Promise<void> {
  await bal.statusWhen('the backend is shown with its connections', ({ services: [web] }) => {
    const found = web?.backends.find((it) => it.address === address);
    return found?.state === 'draining' && found.active_connections === connections;
  });
}

forEachEngine('a backend that has left is shown and can be reset after an upgrade, too', async (t, engine) => {
  const [a, b] = [await backend(t, namedAndStays('a')), await backend(t, namedAndStays('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a, b], { workers: 1 }) });
  await bal.checked();
  const open = await sessions(t, port);
  assert.equal((await bal.cli('backend', 'remove', a.address)).code, 0);
  await isDraining(bal, a, 2);

  assert.equal((await bal.cli('upgrade')).code, 0);
  await isDraining(bal, a, 2);
  const why = await bal.cli('why', a.address);
  assert.match(why.stdout, / is serving\n[^]* is draining, draining\n/);
  const reset = await bal.cli('backend', 'reset', a.address, '--json');
  const verdict: BackendVerdict = JSON.parse(reset.stdout);
  assert.deepEqual([verdict.ok, verdict.cut], [true, 2], reset.stdout);
  await bal.statusWhen('it is forgotten', ({ services: [web] }) => web?.backends.length === 1);
  assert.equal(open.length, 4);
});

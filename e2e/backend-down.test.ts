// The connections of a backend that goes down: they stay, or are cut if the configuration says so.
import assert from 'node:assert/strict';
import type { BackendStatus } from '../lib/control/protocol.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { connectTo, type Client } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';

async function greeted(client: Promise<Client>): Promise<Client> {
  await (await client).reads(1);
  return client;
}

forEachEngine(
  'the connections of a backend that goes down are cut with on_backend_down reset, also in old workers, and go on else',
  async (t, engine) => {
    const a = await backend(t, (socket) => {
      socket.write('a');
      socket.pipe(socket);
    });
    const [port, kept] = [await freePort(), await freePort()];
    const config = configFor(port, [a], {
      workers: 1,
      log_connections: 'all',
      services: { cut: { port, runtime: { on_backend_down: 'reset' } }, kept: { port: kept } },
    });
    const bal = await startBal(t, { engine, config });
    await bal.checked();
    const old = await greeted(connectTo(t, port));
    assert.equal((await bal.graceful()).code, 0);
    const cut = [old, await greeted(connectTo(t, port)), await greeted(connectTo(t, port))];
    const staying = await greeted(connectTo(t, kept));

    await a.refuse();
    for (const client of cut) assert.equal((await client.over).how, 'fin', 'nothing was on its way');
    const { fields, level } = await bal.logged('backend.reset');
    assert.deepEqual([level, fields], ['WARN', { service: 'cut', backend: a.address, cut: 3, why: 'down' }]);
    const { services } = await bal.statusWhen('both are down', (now) =>
      now.services.every(({ backends }) => backends[0]?.state === 'down'),
    );
    assert.deepEqual(
      services.map(({ name, ends }) => [name, ends?.['backend_down'] ?? 0]),
      [
        ['cut', 3],
        ['kept', 0],
      ],
    );
    await staying.send('still here');
    assert.equal((await staying.reads(10)).toString(), 'still here');
    const records = await until('the records are written', () => {
      const found = bal.logs().filter(({ fields: it }) => it['reason'] === 'backend_down');
      return found.length === 3 ? found : null;
    });
    assert.ok(records.every(({ fields: it }) => it['service'] === 'cut' && it['backend'] === a.address));

    await a.recover();
    const isUp = ({ state }: BackendStatus): boolean => state === 'up';
    await bal.statusWhen('both are up', (now) => now.services.every(({ backends }) => backends.every(isUp)));
    await greeted(connectTo(t, port));
    assert.equal((await staying.send('x'), await staying.reads(1)).toString(), 'x');
  },
);

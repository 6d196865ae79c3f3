// Limits per source: connections, over all workers, and their rate.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { namedAndStays } from './harness/behaviours.ts';
import { QUICK } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { atEnd, type Owner } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';

/** Returns an open client once the backend has sent its name; null if it was reset. */
async function client(t: Owner, localAddress: string, port: number): Promise<Socket | null> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  atEnd(t, () => socket.destroy());
  const failed = new Promise<null>((resolve) => socket.once('error', () => resolve(null)));
  return Promise.race([failed, once(socket, 'data').then(() => socket)]);
}

forEachEngine('a source has so many connections and so many in a second, and others have theirs', async (t, engine) => {
  const a = await backend(t, namedAndStays('a'));
  const [few, slow, all] = [await freePort(), await freePort(), await freePort()];
  const bal = await startBal(t, {
    engine,
    config: {
      bind_address: '127.0.0.1',
      // Workers of the js engine count separately.
      workers: engine === 'native' ? 2 : 1,
      health_check: { type: 'none' },
      backends: [{ host: a.host, port: a.port }],
      runtime: QUICK,
      services: {
        few: { port: few, runtime: { max_connections_per_source: 3 } },
        slow: { port: slow, runtime: { max_connection_rate_per_source: 4 } },
        all: { port: all, runtime: { max_connection_rate: 5 } },
      },
    },
  });
  const crowd = (count: number, address: string, port: number) =>
    Promise.all(Array.from({ length: count }, () => client(t, address, port)));
  const open = (sockets: (Socket | null)[]) => sockets.flatMap((socket) => socket ?? []);

  const first = open(await crowd(12, '127.0.0.1', few));
  assert.equal(first.length, 3);
  assert.equal(open(await crowd(5, '127.0.0.2', few)).length, 3, 'another one has its own');
  const [one] = first;
  one?.end();
  await bal.statusWhen('one has left', ({ services }) => services[0]?.active_connections === 5);
  assert.equal(open(await crowd(4, '127.0.0.1', few)).length, 1);

  // On a busy machine a crowd may take longer than the second it is counted in.
  for (const [port, most, addresses] of [
    [slow, 4, ['127.0.0.1', '127.0.0.2']],
    [all, 5, ['127.0.0.1']],
  ] as const) {
    for (const address of addresses) {
      const began = performance.now();
      const came = open(await crowd(15, address, port)).length;
      const seconds = (performance.now() - began) / 1000;
      assert.ok(came >= most && came <= Math.floor(most * (1 + 2 * seconds)), `${came} in ${seconds} s`);
    }
  }

  const { services, totals } = await bal.statusWhen('all are counted', ({ services: now }) =>
    now.every(
      ({ ends }) =>
        (ends?.['too_many_from_source'] ?? 0) + (ends?.['too_fast'] ?? 0) + (ends?.['too_fast_from_source'] ?? 0) > 0,
    ),
  );
  assert.equal(services[0]?.ends?.['too_many_from_source'], 9 + 2 + 3);
  assert.ok((totals?.rejected_total ?? 0) >= 14);
  await bal.logged('client.too_many_from_source');
  await bal.logged('client.too_fast_from_source');
  await bal.logged('client.too_fast');
  await bal.logged('connection.ended', ({ fields }) => fields['reason'] === 'too_many_from_source');

  if (engine === 'js') return;
  // Connections that were handed over still count; those of a killed worker do not.
  assert.equal((await bal.graceful()).code, 0);
  assert.equal(open(await crowd(4, '127.0.0.1', few)).length, 0);
  const before = await bal.workerPids();
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await bal.statusWhen('others are in their place', ({ workers }) => {
    const serve = workers.filter(({ pid, state }) => state === 'ready' && !before.includes(pid));
    return serve.length === 2 && workers.length === 2;
  });
  assert.equal(open(await crowd(8, '127.0.0.1', few)).length, 3);
});

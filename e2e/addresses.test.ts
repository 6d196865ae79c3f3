import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';

const noIpv6 = Object.values(networkInterfaces()).some((one) => one?.some(({ address }) => address === '::1'))
  ? null
  : 'this machine has no ::1';

forEachEngine(
  'IPv6: listens on ::1, connects to ::1, and names both with brackets',
  async (t, engine) => {
    const a = await backend(t, named('a'), { host: '::1' });
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [a], { bind_address: '::1' }) });
    assert.deepEqual(troubles(await visits(port, names('a'), 10, { host: '::1' })), {});
    assert.equal((await visits(port, names('a'), 1)).refused, 1, 'only there');
    const status = await bal.status();
    assert.equal(status.backends[0]?.address, `[::1]:${a.port}`);
    assert.equal(status.bind_address, '::1');
  },
  noIpv6,
);

forEachEngine(
  'IPv6: listening on :: and connecting to an IPv4 backend, and the other way round',
  async (t, engine) => {
    const [a, b] = [await backend(t, named('a')), await backend(t, named('b'), { host: '::1' })];
    const [pa, pb] = [await freePort(), await freePort()];
    const at = ({ host, port }: { host: string; port: number }): object => ({ host, port });
    await startBal(t, {
      engine,
      config: {
        workers: 1,
        services: {
          six: { bind_address: '::', port: pa, backends: [at(a)] },
          four: { bind_address: '127.0.0.1', port: pb, backends: [at(b)] },
        },
      },
    });
    assert.deepEqual(troubles(await visits(pa, names('a'), 5, { host: '::1' })), {});
    assert.deepEqual(troubles(await visits(pb, names('b'), 5)), {});
  },
  noIpv6,
);

forEachEngine('the default bind address serves every IPv4 address of the machine', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  await startBal(t, { engine, config: { port, workers: 1, backends: [{ host: a.host, port: a.port }] } });
  for (const host of ['127.0.0.1', '127.0.0.2'])
    assert.deepEqual(troubles(await visits(port, names('a'), 3, { host })), {});
});

forEachEngine('connections and checks come from the sources of a backend, in turn', async (t, engine) => {
  const from: (string | undefined)[] = [];
  const a = await backend(t, (socket) => {
    from.push(socket.remoteAddress);
    named('a')(socket);
  });
  const port = await freePort();
  const config = (source: unknown): object => ({
    ...configFor(port, [a], { workers: 1, runtime: { health_check_interval_ms: 60_000 } }),
    backends: [{ host: a.host, port: a.port, source }],
  });
  const bal = await startBal(t, { engine, config: { ...config(['127.0.0.2', '127.0.0.3']) } });
  await bal.checked();
  assert.deepEqual(troubles(await visits(port, names('a'), 4)), {});
  assert.deepEqual(new Set(from), new Set(['127.0.0.2', '127.0.0.3']));
  const [last, ...before] = from.slice(-4).toReversed();
  assert.deepEqual([before[1] === last, before[0] === last, before[0] === before[2]], [true, false, true]);
  assert.deepEqual((await bal.status()).backends[0]?.source, ['127.0.0.2', '127.0.0.3']);

  // An address that no machine has (RFC 5737): counts as our own shortage, which takes no backend down.
  bal.configure({ ...config('192.0.2.1') });
  const { verdict } = await bal.graceful();
  assert.match(JSON.stringify(verdict), /source 127\.0\.0\.2 and 127\.0\.0\.3.*source 192\.0\.2\.1/);
  assert.equal((await visits(port, names('a'), 3)).ok, 0);
  const { backends } = await bal.status();
  assert.equal(backends[0]?.state, 'up');
  assert.match(JSON.stringify((await bal.logged('worker.short')).fields), /bind EADDRNOTAVAIL/);
});

forEachEngine('a backend and a listener given by name are resolved', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const config = configFor(port, [{ host: 'localhost', port: a.port }], { bind_address: 'localhost' });
  const bal = await startBal(t, { engine, config });
  await bal.statusWhen('the backend is up', ({ backends }) => backends[0]?.state === 'up');
  const host = (await visits(port, names('a'), 1)).ok === 1 ? '127.0.0.1' : '::1';
  assert.deepEqual(troubles(await visits(port, names('a'), 10, { host })), {});
  assert.equal((await bal.status()).backends[0]?.address, `localhost:${a.port}`);
});

forEitherEngine('a name that does not resolve counts as failing, the other backends serve', async (t, engine) => {
  const b = await backend(t, named('b'));
  const port = await freePort();
  // .invalid never resolves (RFC 6761).
  const bal = await startBal(t, { engine, config: configFor(port, [{ host: 'nowhere.invalid', port: 80 }, b]) });
  await bal.statusWhen('the name is down', ({ backends }) => backends[0]?.state === 'down');
  assert.deepEqual(troubles(await visits(port, names('b'), 20)), {});
  assert.equal((await bal.cli('status')).code, 0, 'one backend is reachable');
});

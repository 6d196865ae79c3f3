import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend, type Backend } from './harness/backend.ts';
import { echo, named } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { QUICK } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';

forEitherEngine(
  'several services: each its own port and backends, one that is down does not touch the others',
  async (t, engine) => {
    const [a, b, c] = [await backend(t, named('a')), await backend(t, named('b')), await backend(t, named('c'))];
    const [web, mail] = [await freePort(), await freePort()];
    const at = ({ host, port }: Backend): object => ({ host, port });
    const bal = await startBal(t, {
      engine,
      config: {
        bind_address: '127.0.0.1',
        workers: 2,
        runtime: QUICK,
        services: {
          web: { port: web, backends: [at(a), at(b)] },
          mail: { port: mail, method: 'least_connections', backends: [at(c)] },
        },
      },
    });
    const fromWeb = await visits(web, names('a', 'b'), 40);
    assert.deepEqual(troubles(fromWeb), {});
    assert.ok(
      Number(fromWeb.answers['a']) >= 15 && Number(fromWeb.answers['b']) >= 15,
      JSON.stringify(fromWeb.answers),
    );
    assert.deepEqual(troubles(await visits(mail, names('c'), 10)), {});

    const status = await bal.statusWhen('all is counted', ({ totals }) => totals?.connections_total === 50);
    assert.deepEqual(
      status.services.map(({ name, port, method, backend_total }) => ({ name, port, method, backend_total })),
      [
        { name: 'web', port: web, method: 'round_robin', backend_total: 2 },
        { name: 'mail', port: mail, method: 'least_connections', backend_total: 1 },
      ],
    );
    assert.equal(status.port, web, 'the old keys tell of the first service');
    assert.equal(status.backend_total, 2);
    assert.equal(status.services[1]?.backends[0]?.connections_total, 10);

    await c.die();
    await bal.statusWhen('mail is down', ({ services }) => services[1]?.backend_reachable === 0);
    assert.equal((await bal.cli('status')).code, 1, 'one service without a backend is a degraded bal');
    assert.deepEqual(troubles(await visits(mail, names('c'), 5)), { reset: 5 });
    assert.deepEqual(troubles(await visits(web, names('a', 'b'), 20)), {});
    const [well, failing] = [await bal.cli('why', 'web'), await bal.cli('why', 'mail')];
    assert.equal(well.code, 0, well.stdout);
    assert.match(well.stdout, /^web is serving\n/);
    for (const part of [a.address, b.address]) assert.ok(well.stdout.includes(`${part} is up`));
    assert.ok(!well.stdout.includes(c.address), 'only the service that was asked for');
    assert.equal(failing.code, 1);
    assert.match(failing.stdout, /^mail is failing\n {2}what_happened: no backend is up/);
    await c.recover();
    await bal.statusWhen('mail is back', ({ services }) => services[1]?.backend_reachable === 1);
    assert.deepEqual(troubles(await visits(mail, names('c'), 5)), {});
  },
);

forEitherEngine(
  "a service's own limit binds it below the instance's, and leaves the others alone",
  async (t, engine) => {
    const a = await backend(t, echo);
    const [small, large] = [await freePort(), await freePort()];
    const backends = [{ host: a.host, port: a.port }];
    await startBal(t, {
      engine,
      config: {
        bind_address: '127.0.0.1',
        workers: 2,
        runtime: QUICK,
        services: {
          small: { port: small, backends, runtime: { max_concurrent_connections: 4 } },
          large: { port: large, backends },
        },
      },
    });
    const served = async (port: number, count: number): Promise<number> => {
      const clients = await Promise.all(Array.from({ length: count }, () => connectTo(t, port)));
      const answers = clients.map((client) =>
        client
          .send('?')
          .then(() => client.reads(1))
          .then(
            () => 1,
            () => 0,
          ),
      );
      return (await Promise.all(answers)).reduce((sum: number, one) => sum + one, 0);
    };
    assert.equal(await served(small, 12), 4);
    assert.equal(await served(large, 12), 12);
  },
);

forEitherEngine(
  'a service whose backend is another service: the chain ends outside, and each counts',
  async (t, engine) => {
    const a = await backend(t, named('a'));
    const [front, back] = [await freePort(), await freePort()];
    const bal = await startBal(t, {
      engine,
      config: {
        bind_address: '127.0.0.1',
        workers: 2,
        runtime: QUICK,
        services: {
          front: { port: front, backends: [{ host: '127.0.0.1', port: back }] },
          back: { port: back, backends: [{ host: '127.0.0.1', port: a.port }] },
        },
      },
    });
    assert.deepEqual(troubles(await visits(front, names('a'), 20)), {});
    await bal.statusWhen('the front counts its 20, and the back those and the checks of the front', ({ services }) => {
      const [first, second] = services.map(({ backends }) => backends[0]?.connections_total ?? 0);
      return first === 20 && Number(second) > 20;
    });
  },
);

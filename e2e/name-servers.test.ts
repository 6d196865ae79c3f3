// Discovery with a distribution's name servers: A, AAAA, CNAME, SRV, answers too large for a datagram, and missing names.
import assert from 'node:assert/strict';
import { freePort } from '../lib/testing/ports.ts';
import { lacking } from '../lib/testing/program.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { QUICK } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { MANY, type Program, startNameServer } from './harness/name-servers.ts';

const PROGRAMS: readonly Program[] = ['dnsmasq', 'knotd', 'nsd'];

for (const program of PROGRAMS) {
  forEitherEngine(
    `what ${program} says is served`,
    async (t, engine) => {
      const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
      const dns = await startNameServer(t, program, [a.port, b.port]);
      const port = await freePort();
      const on = async (entry: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> => ({
        port: await freePort(),
        bind_address: '127.0.0.1',
        backends: [entry],
      });
      const services = {
        srv: { ...(await on({ host: '_x._tcp.test', discover: 'srv' })), port },
        all: await on({ host: 'alias.test', port: a.port, discover: 'all' }),
        many: await on({ host: 'many.test', port: a.port, discover: 'all' }),
        none: await on({ host: 'none.test', port: a.port, discover: 'all' }),
        one: await on({ host: 'web.test', port: a.port }),
      };
      const bal = await startBal(t, { engine, config: { workers: 1, dns_servers: [dns], runtime: QUICK, services } });
      await bal.checked();
      const found = new Map((await bal.status()).services.map((it) => [it.name, it]));
      const addresses = (name: string): string[] => found.get(name)?.backends.map(({ address }) => address) ?? [];
      assert.deepEqual(
        found.get('srv')?.backends.map(({ address, weight, backup }) => [address, weight, backup]),
        [
          [a.address, 256, false],
          [`[::1]:${a.port}`, 256, false],
          [b.address, 1, true],
          [`[::1]:${b.port}`, 1, true],
        ],
      );
      assert.deepEqual(addresses('all'), [a.address, `[::1]:${a.port}`]);
      assert.equal(addresses('many').length, MANY);
      assert.deepEqual(addresses('none'), []);
      assert.equal(found.get('none')?.discovery[0]?.failure, 'ENOTFOUND');
      assert.deepEqual(addresses('one'), [`web.test:${a.port}`]);
      assert.equal(found.get('one')?.backends[0]?.state, 'up');
      assert.deepEqual(troubles(await visits(port, names('a'), 10)), {});
    },
    lacking(program),
  );
}

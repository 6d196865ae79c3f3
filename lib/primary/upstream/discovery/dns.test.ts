// The system's name servers. They are sockets of this process, which answer as each test wants.
import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import { test } from 'node:test';
import { nameServer } from '../../../testing/name-server.ts';
import { systemDns } from './dns.ts';

test("when the system's name servers change, the new ones are asked, without a restart", async (t) => {
  const [old, next] = [await nameServer(t), await nameServer(t)];
  next.says = ({ type }) => ({ flags: type === 33 ? 0x8183 : 0x8180, ips: type === 1 ? ['10.0.0.2'] : [] });
  const conf = { version: '1', server: old.address, opened: 0 };
  const clock = { now: 1000 };
  const client = systemDns(
    {
      version: () => conf.version,
      open() {
        conf.opened++;
        const resolver = new dns.Resolver({ timeout: 100, tries: 1 });
        resolver.setServers([conf.server]);
        return resolver;
      },
    },
    () => clock.now,
  );
  t.after(() => client.close());
  assert.equal(await client.ttlSeconds('web.test'), 7);
  clock.now += 1000;
  assert.equal(await client.ttlSeconds('web.test'), 7);
  assert.deepEqual([old.asked.length, next.asked.length, conf.opened], [4, 0, 1]);
  // What waits for an old one is not waited for.
  old.says = () => null;
  const waits = assert.rejects(client.services('_x._tcp.test'), { code: 'ECANCELLED' });
  Object.assign(conf, { version: '2', server: next.address });
  clock.now += 999;
  const stillOld = assert.rejects(client.services('_y._tcp.test'), { code: 'ECANCELLED' });
  clock.now += 1;
  await assert.rejects(client.services('_x._tcp.test'), { code: 'ENOTFOUND' });
  await Promise.all([waits, stillOld]);
  assert.equal(await client.ttlSeconds('web.test'), 7);
  assert.deepEqual([next.asked.length, conf.opened], [3, 2]);
});

test('a system that does not say whether its name servers have changed keeps them', async (t) => {
  const server = await nameServer(t);
  const clock = { now: 1000 };
  const client = systemDns(
    {
      version: () => assert.fail('EACCES'),
      open() {
        const resolver = new dns.Resolver({ timeout: 100, tries: 1 });
        resolver.setServers([server.address]);
        return resolver;
      },
    },
    () => clock.now,
  );
  t.after(() => client.close());
  clock.now += 5000;
  assert.equal(await client.ttlSeconds('web.test'), 7);
});

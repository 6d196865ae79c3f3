import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { freePort } from '../testing/ports.ts';
import { serveAdmin, type AdminHandlers } from './admin.ts';

const handlers: AdminHandlers = {
  status: () => assert.fail(),
  metrics: () => assert.fail(),
  readiness: () => assert.fail(),
  page: () => assert.fail(),
  hosts: () => [],
  events: { recent: () => [], subscribe: () => () => undefined },
};

/** An address of no machine: in the block for documentation (RFC 3849). */
const NOT_HERE = '2001:db8::1';

/** Of any name. */
const leadingTo =
  (...ips: string[]) =>
  (names: readonly string[]) =>
    Promise.resolve(new Map(names.map((name) => [name, ips.length === 0 ? { code: 'ENOTFOUND' } : { ips }])));

/** What is answered there, or the error. */
async function health(ip: string, port: number): Promise<string> {
  const at = ip.includes(':') ? `[${ip}]` : ip;
  return fetch(`http://${at}:${port}/healthz`, { headers: { connection: 'close' } }).then(
    (response) => response.text(),
    () => 'nobody',
  );
}

test('a name is served at each of its addresses that this machine has', async () => {
  const port = await freePort();
  const admin = await serveAdmin('both.test', port, handlers, leadingTo('127.0.0.1', NOT_HERE, '::1'));
  assert.deepEqual([await health('127.0.0.1', port), await health('::1', port)], Array(2).fill('{"alive":true}\n'));
  await admin.close();
  assert.deepEqual([await health('127.0.0.1', port), await health('::1', port)], Array(2).fill('nobody'));
});

test('a name of which no address can be bound, or that leads nowhere, and an address that is taken have their code', async (t) => {
  const port = await freePort();
  const serve = (...ips: string[]) => serveAdmin('some.test', port, handlers, leadingTo(...ips));
  await assert.rejects(serve(NOT_HERE, NOT_HERE), { code: 'EADDRNOTAVAIL' });
  await assert.rejects(serve(), { code: 'ENOTFOUND' });
  const other = createServer().listen(port, '::1');
  await once(other, 'listening');
  t.after(() => other.close());
  await assert.rejects(serve('127.0.0.1', '::1'), { code: 'EADDRINUSE' });
  assert.equal(await health('127.0.0.1', port), 'nobody', 'what was bound is free again');
});

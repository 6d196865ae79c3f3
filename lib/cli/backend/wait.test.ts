// Waiting for a drained backend, against answers of a control server.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ServiceStatus } from '../../control/protocol.ts';
import { serveControl } from '../../control/server.ts';
import { home } from '../../paths.ts';
import { handlers, STATUS } from '../../testing/control-server.ts';
import { fakeStatus } from '../../testing/fake-primary.ts';
import { ownHome } from '../../testing/own-home.ts';
import { waitUntilEmpty, type Waited } from './wait.ts';

const ADDRESS = '127.0.0.1:9000';

/** The only service, with this many connections of the drained backend. */
function drainedWith(count: number | null): ServiceStatus[] {
  return fakeStatus(1).services.map((service) => ({
    ...service,
    backends: service.backends.map((its) => ({ ...its, administrative: 'drained', active_connections: count })),
  }));
}

/** Each answer is given once, and the last one again and again. */
async function waited(t: TestContext, ...answers: readonly (readonly ServiceStatus[])[]): Promise<Waited> {
  ownHome(t);
  const left = [...answers];
  const status = () => {
    const services = (left.length > 1 ? left.shift() : left[0]) ?? [];
    return Promise.resolve({ ...STATUS, services });
  };
  const server = await serveControl(home().socket, handlers({ status }));
  try {
    return await waitUntilEmpty(home(), { service: 'default', address: ADDRESS }, null);
  } finally {
    await server.close();
  }
}

test('a backend without connections is empty, and so is one that left the status of its service', async (t) => {
  assert.deepEqual(await waited(t, drainedWith(2), drainedWith(0)), { kind: 'empty' });
  const without = drainedWith(2).map((service) => ({ ...service, backends: [] }));
  assert.deepEqual(await waited(t, drainedWith(2), without), { kind: 'empty' });
});

test('a backend of a service that is gone is not empty: its connections may go on', async (t) => {
  const renamed = drainedWith(2).map((service) => ({ ...service, name: 'other' }));
  const over = await waited(t, drainedWith(2), renamed);
  assert.match(over.kind === 'given_up' ? over.problem.what_happened : '', /^service default is gone/);
});

test('an unknown number of connections is not none', async (t) => {
  const over = await waited(t, drainedWith(null));
  assert.match(over.kind === 'given_up' ? over.problem.what_happened : '', /not a valid status/);
});

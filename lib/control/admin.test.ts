// What a handler's error does to the streams of browsers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort } from '../testing/ports.ts';
import { serveAdmin } from './admin.ts';

test('a status that cannot be made ends the streams that wait for it, and nothing else', async (t) => {
  const port = await freePort();
  const admin = await serveAdmin('127.0.0.1', port, {
    status: () => Promise.reject(new Error('no luck')),
    metrics: () => Promise.resolve(''),
    readiness: () => assert.fail(),
    page: () => ({ html: '', policy: '' }),
    hosts: () => [],
    events: { recent: () => [], subscribe: () => () => undefined },
  });
  t.after(() => admin.close());
  const stream = await fetch(`http://127.0.0.1:${port}/events`);
  assert.deepEqual([stream.status, (await stream.text()).includes('event:')], [200, false]);
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
});

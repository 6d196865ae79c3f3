import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { answersAtTheEnd, endsFirst, pour, sink, source } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { pattern, PatternCheck } from './harness/pattern.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';

forEachEngine('a client that ends first still gets the whole answer', async (t, engine) => {
  const a = await backend(t, answersAtTheEnd);
  const port = await freePort();
  await startBal(t, { engine, config: configFor(port, [a], { workers: 1 }) });
  for (const length of [0, 1, 1000, 300_000]) {
    const client = await connectTo(t, port);
    const question = pattern(length, length);
    if (length > 0) await client.send(question);
    client.end();
    const { how, data } = await client.over;
    assert.equal(how, 'fin');
    assert.ok(data.equals(question), `${length} bytes came back as ${data.length}`);
  }
  await until('the backend has no connection left', () => a.live.size === 0);
});

forEachEngine('a backend that ends first still gets all the client sends', async (t, engine) => {
  const a = await backend(t, endsFirst('hello'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 1 }) });
  const client = await connectTo(t, port);
  assert.deepEqual(await client.over, { how: 'fin', data: Buffer.from('hello') });
  const length = 3_000_000;
  const before = a.received;
  pour(client.socket, 5, length);
  await until('the backend has it all', () => a.received - before === length);
  await bal.statusWhen('the connection is over', ({ totals }) => totals?.active_connections === 0);
});

forEachEngine('the last bytes arrive before the end, in both directions at once', async (t, engine) => {
  const length = 5_000_000;
  const check = new PatternCheck(2);
  const a = await backend(t, (socket) => {
    sink(check)(socket);
    socket.removeAllListeners('end');
    source(1, length)(socket);
  });
  const port = await freePort();
  await startBal(t, { engine, config: configFor(port, [a], { runtime: { health_check_interval_ms: 60_000 } }) });
  const client = await connectTo(t, port);
  pour(client.socket, 2, length);
  const { how, data } = await client.over;
  assert.equal(how, 'fin');
  assert.equal(data.length, length);
  assert.ok(data.equals(pattern(1, length)));
  await until('the backend has it all', () => check.received === length);
  assert.equal(check.wrongAt, null);
});

forEachEngine('a backend that ends long after its client still closes the connection in order', async (t, engine) => {
  const ended: Socket[] = [];
  const a = await backend(t, (socket) => {
    // A health check sends nothing before it ends.
    socket.once('data', () => socket.on('end', () => ended.push(socket)));
    socket.resume();
  });
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 1 }) });
  const client = await connectTo(t, port);
  await client.send('x');
  client.end();
  await until('the backend has seen the end', () => ended.length === 1);
  await bal.statusWhen('the connection is still counted', ({ totals }) => totals?.active_connections === 1);
  ended[0]?.end('bye');
  assert.deepEqual(await client.over, { how: 'fin', data: Buffer.from('bye') });
  await bal.statusWhen('it is over', ({ totals }) => totals?.active_connections === 0);
});

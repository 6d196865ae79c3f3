// Tests the scenarios' tools against each other, without bal: scenarios can be trusted only if their tools work.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { backend } from './harness/backend.ts';
import {
  answersAtTheEnd,
  echo,
  endsFirst,
  http,
  named,
  resets,
  sendsThenResets,
  sink,
  source,
} from './harness/behaviours.ts';
import { blackHole } from '../lib/testing/black-hole.ts';
import { connectTo } from './harness/client.ts';
import { echoes, names } from './harness/exchange.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { pattern, PatternCheck } from './harness/pattern.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';

test('an echo backend returns what it gets, and visits count', async (t) => {
  const it = await backend(t, echo);
  const counts = await visits(it.port, echoes(1000), 50);
  assert.equal(counts.ok, 50);
  assert.equal(counts.received, 50_000);
  assert.deepEqual(troubles(counts), {});
});

test('a wrong answer, a short one, a reset and a refusal are told apart', async (t) => {
  const wrong = await backend(t, named('b'));
  assert.deepEqual(troubles(await visits(wrong.port, names('a'), 3)), { wrong: 3 });
  const short = await backend(t, endsFirst('x'));
  assert.deepEqual(troubles(await visits(short.port, echoes(64), 3)), { short: 3 });
  const reset = await backend(t, resets);
  assert.deepEqual(troubles(await visits(reset.port, echoes(64), 3)), { reset: 3 });
  assert.deepEqual(troubles(await visits(await freePort(), echoes(64), 3)), { refused: 3 });
});

test('a backend that sends and then resets is seen as a reset, not as an end', async (t) => {
  const it = await backend(t, sendsThenResets(3, 1000));
  for (let i = 0; i < 20; i++) {
    const client = await connectTo(t, it.port);
    assert.equal((await client.over).how, 'reset');
  }
});

test('a backend sees how its clients went away', async (t) => {
  const it = await backend(t, echo);
  const clean = await connectTo(t, it.port);
  clean.end();
  assert.equal((await clean.over).how, 'fin');
  const hasty = await connectTo(t, it.port);
  await hasty.send('x');
  await hasty.reads(1);
  hasty.reset();
  await until('both are over', () => it.endings.length === 2);
  assert.deepEqual(it.endings, ['fin', 'reset']);
});

test('half-close works in both directions without anything between', async (t) => {
  const late = await backend(t, answersAtTheEnd);
  const asking = await connectTo(t, late.port);
  await asking.send('question');
  asking.end();
  assert.deepEqual(await asking.over, { how: 'fin', data: Buffer.from('question') });

  const early = await backend(t, endsFirst('hello'));
  const talking = await connectTo(t, early.port);
  assert.equal((await talking.over).data.toString(), 'hello');
  await talking.send('more');
  await until('the backend has it all', () => early.received === 4);
});

test('source and sink move a checked pattern, and a wrong byte is found where it is', async (t) => {
  const length = 3_000_000;
  const from = await backend(t, source(7, length));
  const { data } = await (await connectTo(t, from.port)).over;
  assert.equal(data.length, length);
  assert.ok(data.equals(pattern(7, length)));
  const check = new PatternCheck(7);
  const into = await backend(t, sink(check));
  const broken = Buffer.from(data);
  broken[2_000_000] = (broken[2_000_000] ?? 0) ^ 1;
  const client = await connectTo(t, into.port);
  await client.send(broken);
  client.end();
  await client.over;
  assert.equal(check.received, length);
  assert.equal(check.wrongAt, 2_000_000);
});

test('a backend dies, refuses and comes back on its port', async (t) => {
  const it = await backend(t, named('here'));
  const load = startLoad(t, it.port, names('here'), { clients: 2 });
  await load.succeeds(5);
  await load.between(it.die);
  assert.deepEqual(troubles(load.counts), {});
  await until('clients are refused', () => load.counts.refused > 0);
  await it.recover();
  await load.succeeds(5);
  assert.ok(Number((await load.stop()).answers['here']) >= 10);
});

test('an HTTP backend answers', async (t) => {
  const it = await backend(t, http('web'));
  const response = await fetch(`http://127.0.0.1:${it.port}/`);
  assert.equal(await response.text(), 'web');
});

test('a black hole neither accepts nor refuses', async (t) => {
  const port = await blackHole(t);
  const socket = connect({ port, host: '127.0.0.1', timeout: 400 });
  t.after(() => socket.destroy());
  const what = await Promise.race([
    once(socket, 'connect').then(() => 'connected'),
    once(socket, 'timeout').then(() => 'silence'),
    once(socket, 'error').then(() => 'error'),
  ]);
  assert.equal(what, 'silence');
});

test('free ports are free and different', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, freePort));
  assert.equal(new Set(ports).size, 20);
});

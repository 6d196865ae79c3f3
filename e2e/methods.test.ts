// The methods random and source_hash, and slow start: which backend clients get, over workers, instances, failures and reloads.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';
import { startBal, type Bal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';

const CLIENTS = Array.from({ length: 48 }, (_, i) => `127.0.0.${i + 2}`);

/** Returns the name of the backend that a client from this address gets; empty: none. */
function nameFor(port: number, localAddress: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.on('error', () => undefined).on('close', () => resolve(answer));
  });
}

/** Returns the failed attempts in the records. */
function triedIn(bal: Bal): string {
  const records = bal.logs().filter(({ event, fields }) => event === 'connection.ended' && 'tried' in fields);
  return records.map(({ fields }) => JSON.stringify([fields['backend'], fields['tried']])).join(' ');
}

async function namesFor(port: number): Promise<string[]> {
  return Promise.all(CLIENTS.map((client) => nameFor(port, client)));
}

forEachEngine(
  'source_hash sends a client to the same backend, whichever worker and instance it comes to, and back to it after an outage',
  async (t, engine) => {
    const [a, b, c] = [await backend(t, named('a')), await backend(t, named('b')), await backend(t, named('c'))];
    const [port, other] = [await freePort(), await freePort()];
    const more = { method: 'source_hash', workers: 2, log_connections: 'all' };
    const bal = await startBal(t, { engine, config: configFor(port, [a, b, c], more) });
    await bal.checked();
    const first = await namesFor(port);
    assert.deepEqual(new Set(first), new Set(['a', 'b', 'c']));
    for (let i = 0; i < 3; i++) assert.deepEqual(await namesFor(port), first);
    assert.match((await bal.cli('status')).stdout, /source_hash/);

    const second = await startBal(t, { engine, config: configFor(other, [c, a, b], more) });
    await second.checked();
    assert.deepEqual(await namesFor(other), first, 'another instance, in which the backends stand in another order');

    await c.refuse();
    const outage = await namesFor(port);
    assert.deepEqual(
      outage.map((name, i) => (first[i] === 'c' ? 'c' : name)),
      first,
      'nobody else moves',
    );
    const moved = outage.filter((_, i) => first[i] === 'c');
    assert.deepEqual(
      new Set(moved),
      new Set(['a', 'b']),
      `its clients spread over the others: ${first.join('')} ${outage.join('')} ${triedIn(bal)}`,
    );
    await bal.logged('backend.down');
    assert.deepEqual(await namesFor(port), outage, 'the same whether a worker has found out or was told');
    await c.recover();
    await until('all are back', async () => (await namesFor(port)).join() === first.join());

    bal.configure(configFor(port, [b, a], more));
    await bal.graceful();
    const left = await namesFor(port);
    const gone = left.filter((name, i) => name !== first[i] && first[i] !== 'c');
    assert.ok(gone.length <= 3, `hardly anybody else moves: ${first.join('')} ${left.join('')}`);
  },
);

forEitherEngine('random gives each backend its weight, and nothing to one that refuses', async (t, engine) => {
  const [a, b, c] = [await backend(t, named('a')), await backend(t, named('b')), await backend(t, named('c'))];
  const port = await freePort();
  const config = configFor(port, [a, b, c], { method: 'random', workers: 2 });
  const weights = [3, 1, 4];
  const backends = [a, b, c].map(({ host, port: at }, i) => ({ host, port: at, weight: weights[i] }));
  const bal = await startBal(t, { engine, config: { ...config, backends } });
  await bal.checked();
  const counts = await visits(port, names('a', 'b', 'c'), 800);
  assert.deepEqual(troubles(counts), {});
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    const share = Number(counts.answers[name]) / 800;
    assert.ok(Math.abs(share - (weights[i] ?? 0) / 8) <= 0.06, JSON.stringify(counts.answers));
  }
  await c.refuse();
  const outage = await visits(port, names('a', 'b', 'c'), 80);
  assert.deepEqual([troubles(outage), outage.answers['c']], [{}, undefined]);
});

forEitherEngine('a backend that comes up again gets its share little by little, and why says so', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  // Long enough to stay at its first tenth however slow the machine is.
  const config = (slow_start_ms: number) =>
    configFor(port, [a, b], { workers: 1, log_connections: 'all', runtime: { slow_start_ms } });
  const bal = await startBal(t, { engine, config: config(3_600_000) });
  await bal.checked();
  assert.deepEqual((await visits(port, names('a', 'b'), 20)).answers, { a: 10, b: 10 }, 'not after a start');
  await b.refuse();
  await bal.logged('backend.down');
  await b.recover();
  await bal.statusWhen('it begins slowly', (now) => now.backends[1]?.slow_start?.percent === 10);
  await until('the worker knows', async () => (await visits(port, names('a', 'b'), 11)).answers['b'] === 1);
  const { answers } = await visits(port, names('a', 'b'), 110);
  assert.ok(Math.abs(Number(answers['b']) - 10) <= 1, `${JSON.stringify(answers)} ${triedIn(bal)}`);
  const { backends } = await bal.status();
  assert.deepEqual(
    backends.map(({ slow_start, weight }) => [slow_start?.percent ?? null, weight]),
    [
      [null, 1],
      [10, 1],
    ],
  );
  assert.match((await bal.cli('status')).stdout, /:\d+ at 10 %/);
  assert.match((await bal.cli('why')).stdout, /taking clients at 10 % of its weight, since \d{4}-/);

  // If all come up again at the same time, no client is refused because of slow start.
  await a.refuse();
  await b.refuse();
  await bal.statusWhen('both are down', (now) => now.backends.every(({ state }) => state === 'down'));
  await a.recover();
  await b.recover();
  await bal.statusWhen('both are up', (now) => now.backends.every(({ state }) => state === 'up'));
  await until('the worker knows both', async () => {
    const { answers: each } = await visits(port, names('a', 'b'), 4);
    return each['a'] === 2 && each['b'] === 2;
  });
  const both = await visits(port, names('a', 'b'), 20);
  assert.deepEqual([troubles(both), both.answers], [{}, { a: 10, b: 10 }]);

  await b.refuse();
  await bal.statusWhen('b is down', (now) => now.backends[1]?.state === 'down');
  bal.configure(config(1000));
  await bal.graceful();
  await b.recover();
  await bal.statusWhen(
    'it has all',
    (now) => now.backends[1]?.state === 'up' && now.backends.every(({ slow_start }) => slow_start === null),
  );
  await until('its share is whole', async () => {
    const shares = (await visits(port, names('a', 'b'), 20)).answers;
    return shares['a'] === 10 && shares['b'] === 10;
  });
});

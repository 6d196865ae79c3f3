import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { pour, source } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { PatternCheck } from './harness/pattern.ts';
import { freePort } from '../lib/testing/ports.ts';
import { residentBytes } from './harness/processes.ts';
import { until } from '../lib/testing/until.ts';

const MIB = 1024 * 1024;
const STREAMS = 8;
const LENGTH = 64 * MIB;

/** Waits until a number stays the same over several polls: nothing moves any more. */
async function settled(what: string, look: () => number): Promise<number> {
  const seen: number[] = [];
  return until(
    what,
    () => {
      seen.push(look());
      return seen.length >= 5 && seen.slice(-5).every((value) => value === seen.at(-1)) ? seen.at(-1) : null;
    },
    { everyMs: 100 },
  );
}

forEachEngine(
  'a client that stops reading holds up its backend and costs a bounded buffer; then all arrives',
  async (t, engine) => {
    const written: (() => number)[] = [];
    const a = await backend(t, (socket) => {
      written.push(() => socket.bytesWritten - socket.writableLength);
      source(4, LENGTH)(socket);
    });
    const port = await freePort();
    const config = configFor(port, [a], { workers: 1, runtime: { health_check_interval_ms: 60_000 } });
    const bal = await startBal(t, { engine, config });
    await bal.checked();
    const [worker] = await bal.workerPids();
    assert.ok(worker !== undefined);
    const before = residentBytes(worker);
    const checks = written.length;
    const clients = Array.from({ length: STREAMS }, () => connect({ port, host: '127.0.0.1' }));
    atEnd(t, () => clients.forEach((client) => client.destroy()));
    for (const client of clients) client.pause();

    const sent = (): number => written.reduce((sum, bytes) => sum + bytes(), 0);
    await until('the backend has begun on all streams', () => written.length === checks + STREAMS && sent() > MIB);
    const held = await settled('the backend is held up', sent);
    assert.ok(held < STREAMS * LENGTH, 'the backend could not send everything');
    const grown = residentBytes(worker) - before;
    assert.ok(grown < 24 * MIB, `${STREAMS} held-up streams cost ${(grown / MIB).toFixed(1)} MiB in the worker`);

    const arrived = clients.map((client) => {
      const check = new PatternCheck(4);
      client.on('data', (chunk: Buffer) => check.take(chunk));
      client.resume();
      return check;
    });
    await until('every stream is complete', () => arrived.every(({ received }) => received === LENGTH), {
      withinMs: 60_000,
    });
    assert.deepEqual(
      arrived.map(({ wrongAt }) => wrongAt),
      arrived.map(() => null),
    );
  },
);

forEachEngine('a backend that stops reading holds up its client; then all arrives', async (t, engine) => {
  const check = new PatternCheck(6);
  let go: () => void = () => undefined;
  const a = await backend(t, (socket) => {
    socket.on('end', () => socket.end());
    go = () => {
      socket.on('data', (chunk: Buffer) => check.take(chunk));
      socket.resume();
    };
  });
  const port = await freePort();
  const config = configFor(port, [a], { workers: 1, runtime: { health_check_interval_ms: 60_000 } });
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  const [worker] = await bal.workerPids();
  assert.ok(worker !== undefined);
  const before = residentBytes(worker);
  const checks = a.accepted;
  const client = connect({ port, host: '127.0.0.1' });
  atEnd(t, () => client.destroy());
  pour(client, 6, LENGTH);
  client.resume();
  await until('the backend has the connection', () => a.accepted === checks + 1);
  const held = await settled('the client is held up', () => client.bytesWritten - client.writableLength);
  assert.ok(held < LENGTH);
  assert.ok(residentBytes(worker) - before < 16 * MIB);
  go();
  await until('all has arrived', () => check.received === LENGTH, { withinMs: 60_000 });
  assert.equal(check.wrongAt, null);
});

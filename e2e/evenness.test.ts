// Connections move from full workers to empty ones: after the loss of a worker, and after each change of the worker count.
import assert from 'node:assert/strict';
import type { Status } from '../lib/control/protocol.ts';
import { type Bal, startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { type Client, connectTo } from './harness/client.ts';
import { QUICK } from './harness/config.ts';
import { forEngine } from './harness/engines.ts';
import { patternAt } from './harness/pattern.ts';
import { signal } from './harness/processes.ts';
import { isStandstill } from '../lib/ipc/standstill.ts';
import { freePort } from '../lib/testing/ports.ts';

const MANY = 300;
const FEW = 6;
const SLICE = 64;
const LOST = new Error('its worker was killed');

interface Talk {
  readonly client: Client;
  readonly seed: number;
  sent: number;
  isOver: boolean;
}

async function talkTo(t: Parameters<typeof connectTo>[0], port: number, seed: number): Promise<Talk> {
  const client = await connectTo(t, port);
  const talk = { client, seed, sent: 0, isOver: false };
  void client.over.then(() => (talk.isOver = true));
  await says(talk);
  return talk;
}

/** Sends a slice of its stream and checks that it comes back unchanged. */
async function says(talk: Talk): Promise<void> {
  const slice = patternAt(talk.seed, talk.sent, SLICE);
  talk.sent += SLICE;
  await talk.client.send(slice);
  const back = await talk.client.reads(SLICE).catch(() => {
    throw LOST;
  });
  assert.ok(back.equals(slice), `stream ${talk.seed} at ${talk.sent}`);
}

/** The workers' connection counts; null unless all open connections are counted. */
function held({ workers }: Status, open: number): number[] | null {
  const counts = workers.map(({ active_connections: active }) => active);
  return counts.reduce((sum, count) => sum + count, 0) === open ? counts : null;
}

/** Waits until the workers differ by at most one connection, while some connections talk; then all talk. Every byte is checked. */
async function becomeEven(bal: Bal, talks: readonly Talk[], workers: number): Promise<void> {
  const isEven = (status: Status): boolean => {
    const counts = held(status, talks.length);
    return counts?.length === workers && Math.max(...counts) - Math.min(...counts) <= 1;
  };
  let over = false;
  const busy = talks.filter((_, i) => i % 8 === 0);
  const storm = Promise.all(
    busy.map(async (talk) => {
      while (!over) await says(talk);
    }),
  );
  await bal.statusWhen(`${workers} workers are even`, isEven).finally(() => (over = true));
  await storm;
  await Promise.all(talks.map(says));
}

forEngine(
  'native',
  'a worker is killed: its own are lost, and the new one gets its share; other numbers of workers end up even too',
  async (t, engine) => {
    const [a, b] = [await backend(t, echo), await backend(t, echo)];
    const [many, few] = [await freePort(), await freePort()];
    const configWith = (workers: number): Record<string, unknown> => ({
      bind_address: '127.0.0.1',
      workers,
      log_connections: 'all',
      runtime: { ...QUICK, max_concurrent_connections: MANY + FEW },
      services: {
        many: { port: many, backends: [{ host: a.host, port: a.port }] },
        few: { port: few, backends: [{ host: b.host, port: b.port }] },
      },
    });
    const bal = await startBal(t, { engine, config: configWith(3) });
    const all: Talk[] = [];
    for (let i = 0; i < MANY; i += 50) {
      all.push(...(await Promise.all(Array.from({ length: 50 }, (_, j) => talkTo(t, many, i + j)))));
    }
    for (let i = 0; i < FEW; i++) all.push(await talkTo(t, few, MANY + i));
    await bal.statusWhen('all are open', (status) => held(status, all.length) !== null);
    const [victim] = (await bal.status()).workers;
    assert.ok(victim !== undefined && victim.active_connections > 0);
    signal(victim.pid, 'SIGKILL');
    await bal.logged('worker.exited', ({ fields }) => fields['pid'] === victim.pid);
    await bal.statusWhen('another is there', (status) => held(status, all.length - victim.active_connections) !== null);
    const talks = all.filter(({ isOver }) => !isOver);
    assert.equal(talks.length, all.length - victim.active_connections, 'its own, and nobody else');
    await becomeEven(bal, talks, 3);
    const { fields } = await bal.logged('connections.evened');
    assert.equal(fields['fewest_before'], 0);
    assert.ok(Number(fields['connections']) >= talks.length / 3 - 1);

    for (const workers of [1, 3, 2]) {
      bal.configure(configWith(workers));
      const { code, verdict } = await bal.graceful();
      assert.deepEqual([code, verdict.draining?.connections], [0, 0]);
      await becomeEven(bal, talks, workers);
    }
    const handed = await bal.logged('connections.handed_over');
    assert.ok(isStandstill(handed.fields['standstill_ms']), 'it says how long they stood still');
    const { spread, services } = await bal.status();
    assert.ok(spread !== null && spread !== undefined && spread.most - spread.fewest <= 1);
    assert.ok(spread.moved_total >= talks.length / 3);
    assert.equal(
      services.reduce((sum, { active_connections: its }) => sum + (its ?? 0), 0),
      talks.length,
    );
    // The limit holds exactly: a connection has one permit, whichever worker has it.
    for (let i = all.length; talks.length < all.length; i++) talks.push(await talkTo(t, few, i));
    const refused = await connectTo(t, few);
    assert.equal((await refused.over).how, 'reset', 'the limit is reached');
    await Promise.all(talks.map(says));
    for (const { client } of talks) client.end();
    await Promise.all(talks.map(async ({ client }) => assert.equal((await client.over).how, 'fin')));
    await bal.statusWhen('all are over', ({ totals }) => totals?.active_connections === 0);
    await bal.stop();
    const records = bal.logs().filter(({ event }) => event === 'connection.ended');
    assert.equal(records.length, talks.length + 1, 'each has one record, and the one that was refused');
    const sum = records.reduce((bytes, { fields: its }) => bytes + Number(its['bytes_in']), 0);
    assert.equal(
      sum,
      talks.reduce((bytes, { sent }) => bytes + sent, 0),
    );
  },
);

// A worker that serves properly but keeps sending nonsense to the primary: the primary survives, clients of every worker are
// served, totals do not fall, and a reload with sane workers repairs everything.
import assert from 'node:assert/strict';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo, named } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { forEachEngine, forEitherEngine } from '../harness/engines.ts';
import { echoes, names } from '../harness/exchange.ts';
import { startLoad, troubles, visits } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { signal } from '../harness/processes.ts';
import { ownProgram } from './own-program.ts';
import { scale } from './scale.ts';

const BATCHES = scale(40, 2000);
/** Appended to worker.js, in the worker's process; every message is made up differently. */
const MADNESS = `
;{
  const values = [null, undefined, -1, 0, 1, 0.5, 2 ** 53, -(2 ** 53), 1e308, '', 'x', '__proto__', 'toString', [], {}, [[]],
    { length: 1e9 }, true, 'a'.repeat(10_000), Array(500).fill(1e300), Array(500).fill(-1)];
  const kinds = ['hello', 'listening', 'listen_failed', 'ask', 'returned', 'counters', 'connect_failed', 'log',
    'records_dropped', 'snapshot', 'permits', 'nonsense', '__proto__', null];
  const keys = ['engine', 'note', 'service', 'code', 'pool', 'wanted', 'permits', 'recalled', 'id', 'services', 'endpoints', 'retired', 'listener', 'rssBytes', 'endpoint',
    'count', 'cause', 'lines', 'dropped', 'began', 'reached'];
  let state = process.pid;
  const random = (of) => of[(state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % of.length];
  let batches = 0;
  const timer = setInterval(() => {
    if (++batches > ${BATCHES} || !process.connected) return clearInterval(timer);
    for (let i = 0; i < 20; i++) {
      const message = { kind: random(kinds) };
      for (let n = 0; n < 4; n++) message[random(keys)] = random(values);
      process.send(message, () => undefined);
      process.send(random(values) ?? null, () => undefined);
    }
  }, 20);
}
`;

forEitherEngine('a worker that says nonsense harms no client and not the primary', async (t, engine) => {
  const { program, replaceWorkers, repair } = ownProgram(t);
  const a = await backend(t, echo);
  const port = await freePort();
  replaceWorkers((whole) => whole + MADNESS);
  const bal = await startBal(t, { engine, program, config: configFor(port, [a]) });
  await bal.checked();
  const load = startLoad(t, port, echoes(), { clients: 4 });
  let before = 0;
  for (let look = 0; look < scale(10, 200); look++) {
    await load.succeeds(20);
    const { pid, totals, workers } = await bal.status();
    assert.equal(pid, bal.pid);
    assert.equal(workers.length, 2);
    const sum = Number(totals?.connections_total);
    assert.ok(Number.isFinite(sum) && sum >= before, `the total fell from ${before} to ${sum}`);
    before = sum;
  }
  repair();
  assert.equal((await bal.graceful()).code, 0);
  await load.succeeds(50);
  assert.deepEqual(troubles(await load.stop()), {});
  assert.deepEqual(troubles(await visits(port, echoes(), 20)), {});
  assert.equal((await bal.status()).pid, bal.pid);
  assert.equal(bal.stderr(), '', 'and nothing was thrown');
});

/** Bypasses process.send(): bytes that Node cannot parse, and a line that never ends. The other worker is sane. */
const RAW = {
  'bytes that are no message': `writeSync(process.channel.fd, Buffer.from([255, 0, 123, 10, 10]))`,
  'a line without end': `for (const some = Buffer.alloc(65_536, '1'); ; ) {
    try {
      writeSync(process.channel.fd, some);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }`,
} as const;

for (const [what, does] of Object.entries(RAW)) {
  forEachEngine(
    `a worker that writes ${what} to its channel is replaced, and nothing else happens`,
    async (t, engine) => {
      const { program, replaceWorkers, repair } = ownProgram(t);
      const a = await backend(t, named('a'));
      const port = await freePort();
      replaceWorkers(
        (whole) => `import { writeSync } from 'node:fs';
${whole}
;if (process.env.BAL_WORKER === '1') process.once('SIGUSR1', () => { ${does}; });`,
      );
      const bal = await startBal(t, { engine, program, config: configFor(port, [a]) });
      await bal.checked();
      repair();
      const { workers } = await bal.status();
      const [rogue, sane] = [workers.find(({ id }) => id === 1), workers.find(({ id }) => id === 2)];
      assert.ok(rogue !== undefined && sane !== undefined);
      signal(rogue.pid, 'SIGUSR1');
      const { fields } = await bal.logged('worker.exited');
      assert.equal(fields['pid'], rogue.pid);
      assert.match(String(fields['reason']), /channel/);
      const after = await bal.statusWhen('both workers serve', (status) => {
        return status.workers.length === 2 && status.workers.every(({ state }) => state === 'ready');
      });
      assert.equal(after.pid, bal.pid);
      assert.ok(after.workers.some(({ pid }) => pid === sane.pid));
      assert.deepEqual(troubles(await visits(port, names('a'), 20)), {});
      assert.equal((await bal.graceful()).code, 0);
      assert.equal(bal.stderr(), '');
    },
  );
}

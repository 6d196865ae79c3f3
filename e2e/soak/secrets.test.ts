// Bytes that pass through bal and values of its environment appear in no log, answer or page.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo, resets } from '../harness/behaviours.ts';
import { connectTo } from '../harness/client.ts';
import { configFor } from '../harness/config.ts';
import { forEitherEngine } from '../harness/engines.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { logFiles } from '../harness/records.ts';
import { until } from '../../lib/testing/until.ts';

const PAYLOAD = 'payload-that-nobody-may-read';
const VALUE = 'value-of-a-variable-that-nobody-may-read';
const ROUNDS = 6;

forEitherEngine(
  'neither bytes that pass through nor values of the environment are in any log or answer',
  async (t, engine) => {
    const [a, b] = [await backend(t, echo), await backend(t, resets)];
    const port = await freePort();
    const adminPort = await freePort();
    const bal = await startBal(t, {
      engine,
      daemon: true,
      env: { DATABASE_PASSWORD: VALUE, BAL_DEBUG: '1' },
      config: configFor(port, [a, b], {
        log_level: 'debug',
        log_connections: 'all',
        admin: `127.0.0.1:${adminPort}`,
      }),
    });
    for (let round = 0; round < ROUNDS; round++) {
      const client = await connectTo(t, port);
      await client.send(PAYLOAD).catch(() => undefined);
      if (round % 3 === 0) client.reset();
      else {
        await client.reads(PAYLOAD.length).catch(() => undefined);
        client.end();
      }
    }
    await until('the connections are in the log', () => {
      return bal.logs().filter(({ event }) => event === 'connection.ended').length >= ROUNDS;
    });
    // The death of a worker is logged.
    const [victim] = await bal.workerPids();
    assert.ok(victim !== undefined);
    process.kill(victim, 'SIGKILL');
    await bal.logged('worker.exited');
    await bal.statusWhen(
      'both workers serve',
      ({ workers }) => workers.filter(({ state }) => state === 'ready').length === 2,
    );
    assert.equal((await bal.graceful()).code, 0);

    const said: string[] = [];
    for (const args of [
      ['status', '--json', '--verbose'],
      ['status', '--verbose'],
      ['doctor', '--json', '--verbose'],
      ['doctor', '--verbose'],
      ['check', '--json', '--verbose'],
      ['why', '--json'],
      ['events', '--json'],
    ]) {
      const { stdout, stderr } = await bal.cli(...args);
      said.push(stdout, stderr);
    }
    for (const path of ['/metrics', '/status', '/events', '/readyz', '/']) {
      const response = await fetch(`http://127.0.0.1:${adminPort}${path}`, { signal: AbortSignal.timeout(20_000) });
      // The event stream never ends.
      said.push(path === '/events' ? '' : await response.text());
      if (path === '/events') await response.body?.cancel();
    }
    assert.ok(said.join('').includes(`${port}`), 'something was said');
    said.push(...logFiles(bal.home.logDir).map((file) => readFileSync(file, 'utf8')));
    for (const text of said) {
      assert.ok(!text.includes(PAYLOAD), `no payload: ${text.slice(0, 200)}`);
      assert.ok(!text.includes(VALUE), `no value of the environment: ${text.slice(0, 200)}`);
    }
  },
);

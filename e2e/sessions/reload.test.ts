// The usual clients at work while bal is reloaded, upgraded and reloaded again, with default settings.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { lacking } from '../../lib/testing/program.ts';
import { startRedis } from '../harness/redis.ts';
import { curlDownload, wrk } from './clients/http.ts';
import { iperfStream } from './clients/iperf.ts';
import { mariadbAtPrompt } from './clients/mariadb.ts';
import { mosquittoSubscriber } from './clients/mqtt.ts';
import { listener, pgbench, pgbenchReconnecting, psqlAtPrompt, psqlInTransaction } from './clients/postgres.ts';
import { redisAtPrompt, redisConnectionEach, redisSubscriber } from './clients/redis.ts';
import { sshShell } from './clients/ssh.ts';
import { everyClient } from './every-client.ts';
import type { Scene } from './scene.ts';

/** A reload once cut the remaining connections 30 s later. */
const AFTERWARDS_MS = 35_000;

const AT_WORK = [psqlAtPrompt, psqlInTransaction, sshShell, mariadbAtPrompt, redisAtPrompt, redisConnectionEach];
const AT_THEIR_OWN_PACE = [pgbench, pgbenchReconnecting, iperfStream, curlDownload, wrk];
const AT_REST = [listener, mosquittoSubscriber, redisSubscriber];

/** Makes the clients that need commands work every second. Returns a function that stops them. */
function putToWork(scenes: readonly Scene[]): () => Promise<void> {
  let isOver = false;
  const all = scenes
    .flatMap(({ seats }) => seats)
    .filter(({ kind }) => AT_WORK.includes(kind))
    .map(async (seat) => {
      for (; !isOver;) {
        await seat.works();
        await pause(1000);
      }
    });
  return async () => {
    isOver = true;
    await Promise.all(all);
  };
}

everyClient(
  [...AT_WORK, ...AT_THEIR_OWN_PACE, ...AT_REST],
  'through two reloads and an upgrade',
  async (owner, scenes) => {
    const stop = putToWork(scenes);
    const reload = async (names: readonly string[]): Promise<void> => {
      for (const { bal } of scenes) {
        const { code, verdict } = await bal.graceful();
        assert.equal(code, 0, JSON.stringify(verdict));
        assert.deepEqual(verdict.changed.map(({ what }) => what).sort(), names);
      }
    };
    await reload([]);
    for (const { bal } of scenes) {
      const { code, stderr } = await bal.cli('upgrade');
      assert.equal(code, 0, stderr);
    }
    const another = lacking('redis-server') === null ? await startRedis(owner) : null;
    for (const scene of scenes) scene.configure({ log_level: 'warn' }, another === null ? {} : { redis: another });
    await reload(another === null ? ['log_level'] : ['log_level', 'redis.backends']);
    await pause(AFTERWARDS_MS);
    await stop();
  },
  {
    async 'bal cut nobody'({ bal }) {
      const { services, totals } = await bal.status();
      for (const { name, ends } of services) assert.equal(ends?.['drain'], 0, name);
      assert.equal(totals?.failed_total, 0);
    },
  },
);

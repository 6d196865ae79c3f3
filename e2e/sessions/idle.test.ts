// The usual clients, idle for longer than bal's former idle timeout, with default settings.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Status } from '../../lib/control/protocol.ts';
import { etcdWatch } from './clients/etcd.ts';
import { keptAlive } from './clients/http.ts';
import { imapIdle } from './clients/imap.ts';
import { mariadbAtPrompt, mariadbLongQuery } from './clients/mariadb.ts';
import { mosquittoSubscriber } from './clients/mqtt.ts';
import { natsClient } from './clients/nats.ts';
import { listener, pooled, psqlAtPrompt, psqlLongQuery } from './clients/postgres.ts';
import { redisBlocked, redisSubscriber } from './clients/redis.ts';
import { sshKeptAlive, sshShell, sshSilentCommand } from './clients/ssh.ts';
import { websocketClient } from './clients/websocket.ts';
import { everyClient } from './every-client.ts';
import type { Scene } from './scene.ts';

/** The default was 120 s. */
const ALONE_MS = 155_000;

const CLIENTS = [
  psqlAtPrompt,
  psqlLongQuery,
  listener,
  pooled,
  redisSubscriber,
  redisBlocked,
  sshShell,
  sshKeptAlive,
  sshSilentCommand,
  mosquittoSubscriber,
  mariadbAtPrompt,
  mariadbLongQuery,
  etcdWatch,
  natsClient,
  websocketClient,
  imapIdle,
  keptAlive,
];

/** Counts connections, because clients that reconnect by themselves hide a cut. */
function connections({ services }: Status): Record<string, number> {
  return Object.fromEntries(
    services.map(({ name, backends }) => [
      name,
      backends.reduce((sum, { connections_total }) => sum + (connections_total ?? 0), 0),
    ]),
  );
}

const counted = new Map<Scene, { before: Record<string, number>; after: Record<string, number> }>();

everyClient(
  CLIENTS,
  'left alone for 155 s',
  async (_owner, scenes) => {
    const before = await Promise.all(scenes.map(async ({ bal }) => connections(await bal.status())));
    await pause(ALONE_MS);
    for (const [index, scene] of scenes.entries())
      counted.set(scene, { before: before[index] ?? {}, after: connections(await scene.bal.status()) });
  },
  {
    async 'nobody connected again'(scene) {
      const { before, after } = counted.get(scene) ?? {};
      assert.ok(before !== undefined);
      assert.deepEqual(after, before);
    },
    async 'bal ended nothing by itself'({ bal }) {
      const { services, totals } = await bal.status();
      for (const { name, ends } of services) assert.equal(ends?.['idle'], 0, name);
      assert.equal(totals?.failed_total, 0);
    },
  },
);

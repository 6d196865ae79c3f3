// bal and HAProxy with the same weights, limits and queue and the same kind of backends: clients see no difference.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Owner } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { lacking, serve, workFolder } from '../lib/testing/program.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo, named } from './harness/behaviours.ts';
import { clerk } from './harness/clerk.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import type { EngineName } from './harness/engines.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';

interface Server {
  readonly port: number;
  readonly weight?: number;
  readonly most?: number;
}

interface Balancer {
  /** Starts it and returns its port. `queueMs`: how long clients wait when all servers are full. */
  (servers: readonly Server[], queueMs: number): Promise<number>;
}

/** HAProxy without checks: a server counts as up from the start. */
function haproxy(owner: Owner): Balancer {
  return async (servers, queueMs) => {
    const folder = workFolder(owner);
    const port = await freePort();
    const lines = servers.map(
      ({ port: at, weight = 1, most = 0 }, i) => `server s${i} 127.0.0.1:${at} weight ${weight} maxconn ${most}`,
    );
    writeFileSync(
      join(folder, 'haproxy.cfg'),
      `global
  nbthread 2
defaults
  mode tcp
  timeout connect 2s
  timeout client 1m
  timeout server 1m
  timeout queue ${queueMs}ms
listen all
  bind 127.0.0.1:${port}
  balance roundrobin
  ${lines.join('\n  ')}
`,
    );
    await serve(owner, 'haproxy', ['-db', '-q', '-f', 'haproxy.cfg'], { port, cwd: folder });
    return port;
  };
}

function bal(owner: Parameters<typeof startBal>[0], engine: EngineName): Balancer {
  return async (servers, queueMs) => {
    const port = await freePort();
    const config = {
      ...configFor(port, [], {
        // The js engine counts exactly only within one worker.
        workers: engine === 'native' ? 2 : 1,
        health_check: { type: 'none' },
        runtime: { overload_policy: 'queue', queue_timeout_ms: queueMs },
      }),
      backends: servers.map(({ port: at, weight = 1, most = 0 }) => ({
        host: '127.0.0.1',
        port: at,
        weight,
        max_connections: most,
      })),
    };
    await startBal(owner, { engine, config });
    return port;
  };
}

forEitherEngine(
  'weights, limits and a queue: bal and HAProxy serve the same',
  async (t, engine) => {
    const own = bal(t, engine);
    for (const balancer of [haproxy(t), own]) {
      const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
      const weighed = await visits(await balancer([{ port: a.port, weight: 3 }, b], 1000), names('a', 'b'), 400);
      assert.deepEqual(troubles(weighed), {});
      // Each worker or thread may be anywhere in its own round; besides, the port was probed.
      assert.ok(Math.abs(Number(weighed.answers['a']) - 300) <= 6, JSON.stringify(weighed.answers));

      const clerks = [clerk('c', 5), clerk('c', 5)];
      const [c, d] = [await backend(t, clerks[0]?.behaviour ?? echo), await backend(t, clerks[1]?.behaviour ?? echo)];
      const limited = [
        { port: c.port, most: 1 },
        { port: d.port, most: 3 },
      ];
      const queued = await visits(await balancer(limited, 20_000), names('c'), 600, { clients: 40 });
      assert.deepEqual([troubles(queued), queued.ok], [{}, 600]);
      const most = clerks.map((it) => it.most);
      // The server may see HAProxy's next connection before the end of the last one.
      if (balancer === own) assert.deepEqual(most, [1, 3]);
      else t.diagnostic(`HAProxy: at most ${most.join(' and ')} at the same time`);

      const e = await backend(t, echo);
      const port = await balancer([{ port: e.port, most: 1 }], 200);
      const inside = await connectTo(t, port);
      await inside.send('x');
      await inside.reads(1);
      const late = await connectTo(t, port);
      await late.send('y');
      await late.over;
      assert.equal(e.accepted - e.endings.length, 1, 'who waited too long never got there');
      inside.end();
    }
  },
  lacking('haproxy'),
);

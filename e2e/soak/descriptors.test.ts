// File descriptors run out before the configured limit of connections: doctor warns beforehand, connected clients notice
// nothing, refused ones are counted with the cause, nothing spins, and service returns by itself.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { forEachEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { troubles, visits } from '../harness/load.ts';
import { atEnd } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { cpuMs } from '../harness/processes.ts';
import { lacking } from '../../lib/testing/program.ts';
import { connectTo } from '../harness/client.ts';
import { disperse, offer } from './crowd.ts';
import { scale } from './scale.ts';
import { finishAll, openStreams } from './streams.ts';

const DESCRIPTORS = scale(256, 1024);
const STREAMS = 4;
const CLIENTS = 60;
const WATCHED_MS = 1000;
/** A spinning worker takes a whole core; a waiting one next to nothing, however busy the machine. */
const BUSY = 0.5;

forEachEngine(
  `${DESCRIPTORS} descriptors where 4,000 connections may be: doctor says so, and beyond them clients are reset and counted`,
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const config = configFor(port, [a], { runtime: { max_concurrent_connections: 4000 } });
    const bal = await startBal(t, { engine, config, descriptors: DESCRIPTORS });
    const { stdout } = await bal.cli('doctor', '--json');
    const { checks }: { checks: { name: string; level: string; summary: string }[] } = JSON.parse(stdout);
    const check = checks.find(({ name }) => name === 'descriptors');
    assert.equal(check?.level, 'warn', JSON.stringify(check));
    assert.match(check.summary, new RegExp(`the limit is ${DESCRIPTORS}`));

    const streams = await openStreams(t, port, STREAMS);
    for (let round = 0; round < 2; round++) {
      const before = (await bal.status()).totals?.rejected_total ?? 0;
      const crowd = await offer(port, 2 * DESCRIPTORS);
      atEnd(t, () => disperse(crowd));
      assert.equal(crowd.others, 0, 'nobody meets anything but service or a reset');
      assert.ok(crowd.served.length > DESCRIPTORS / 8 && crowd.refused > 0, `${crowd.served.length} served`);
      const { totals } = await bal.statusWhen(
        'all who were refused are counted',
        (now) => now.totals?.rejected_total === before + crowd.refused,
      );
      assert.equal(totals?.active_connections, STREAMS + crowd.served.length);
      crowd.leave();
      await bal.statusWhen('the crowd has left', (now) => now.totals?.active_connections === STREAMS);
      assert.deepEqual(troubles(await visits(port, echoes(), 50, { clients: 4 })), {}, 'everybody is served again');
    }
    const { fields } = await bal.logged('worker.short');
    assert.ok(Number(Object(fields['since'])['descriptors']) > 0, JSON.stringify(fields));
    await bal.logged('client.overload');
    assert.deepEqual(await finishAll(streams), { ok: STREAMS });
    const { totals } = await bal.status();
    assert.equal(totals?.failed_total, 0);
    assert.equal(totals?.workers_respawned_total, 0);
  },
);

forEachEngine(
  'descriptors that are taken away from running workers: no spinning, streams go on, and service returns with them',
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [a]) });
    const streams = await openStreams(t, port, STREAMS);
    const pids = await bal.workerPids();
    const limit = (softOf: (pid: number) => number): void => {
      for (const pid of pids) {
        const soft = softOf(pid);
        const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1];
        const set = spawnSync('prlimit', ['--pid', `${pid}`, `--nofile=${soft}:${hard}`], { encoding: 'utf8' });
        assert.equal(set.status, 0, set.stderr);
      }
    };
    // A few above those in use: most further sockets of a worker fail with EMFILE.
    limit((pid) => readdirSync(`/proc/${pid}/fd`).length + 2);
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connectTo(t, port)));
    for (const client of clients) client.send('?').catch(() => undefined);
    const used = (): number => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
    const [cpuBefore, began] = [used(), performance.now()];
    await pause(WATCHED_MS);
    const share = (used() - cpuBefore) / (performance.now() - began) / pids.length;
    t.diagnostic(`a worker without descriptors takes ${(share * 100).toFixed(1)} % of a core`);
    assert.ok(share < BUSY, `a worker takes ${(share * 100).toFixed(0)} % of a core while it can do nothing`);
    assert.deepEqual(
      streams.filter(({ over }) => over),
      [],
    );
    if (engine === 'native') {
      // Waiting clients are served later. (With the js engine libuv closes them silently.)
      const { fields } = await bal.logged('worker.short');
      assert.match(JSON.stringify(fields['since']), /EMFILE/);
    }
    for (const client of clients) client.socket.destroy();
    limit(() => 1000);
    await bal.statusWhen('only the streams are left', (now) => now.totals?.active_connections === STREAMS);
    assert.deepEqual(troubles(await visits(port, echoes(), 50, { clients: 4 })), {}, 'everybody is served again');
    assert.deepEqual(await finishAll(streams), { ok: STREAMS });
    assert.equal((await bal.status()).totals?.workers_respawned_total, 0);
  },
  lacking('prlimit'),
);

// Disorder: clients and backends come, send, reset and vanish at random. In every case each accepted connection ends
// exactly once (the rig checks it) and nothing leaks.

import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { REFUSE, WAIT } from '../../engine/engine.ts';
import type { CreateEngine } from '../../engine/engine.ts';
import { backend, client, echo, Peer, refusingPort } from './peer.ts';
import { random } from './random.ts';
import { rig } from './rig.ts';
import { until } from './wait.ts';

/** Does a few random things with a connection and then leaves it in a random way. */
async function misbehave(peer: Peer, next: (limit: number) => number): Promise<void> {
  const { socket } = peer;
  for (let i = next(4); i > 0 && !socket.destroyed; i--) {
    if (next(3) > 0 && socket.writable) socket.write(Buffer.alloc(next(2) === 0 ? next(100) : next(300_000)));
    if (next(6) === 0) socket.pause();
    if (next(4) === 0) socket.end();
    if (next(2) === 0) await sleep(next(6));
  }
  const leaving = next(4);
  if (leaving === 0) peer.reset();
  else if (leaving === 1) socket.destroy();
  else {
    // Well-behaved in the end, so that it ends by itself.
    socket.resume();
    socket.end();
    if (leaving === 2) setTimeout(() => socket.destroy(), next(30));
  }
}

/** Counts this process's sockets. Not all descriptors, because an engine may keep some pipes for later. */
function sockets(): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // The descriptor of this listing itself.
    }
  });
  return links.filter((link) => link.startsWith('socket:')).length;
}

export function stormTests(create: CreateEngine): void {
  for (const seed of [1, 2, 3]) {
    test(`in a storm of abrupt clients and backends every connection ends once (seed ${seed})`, async (t) => {
      const next = random(seed);
      const waiting: number[] = [];
      const before = sockets();
      const it = rig(t, create, {
        accepted: (connection) => {
          const choice = next(10);
          if (choice === 0) return REFUSE;
          if (choice > 3) return next(3);
          waiting.push(connection);
          return WAIT;
        },
        failed: (connection) => {
          const choice = next(4);
          if (choice === 3) waiting.push(connection);
          return [REFUSE, next(3), next(3), WAIT][choice] ?? REFUSE;
        },
      });
      for (const target of [0, 1]) {
        const { port } = await backend(t, (peer) => {
          peers.push(peer);
          void misbehave(peer, next);
        });
        it.engine.route(target, 0, '127.0.0.1', port);
      }
      it.engine.route(2, 0, '127.0.0.1', refusingPort(t));
      const at = it.listen(0, { idleMs: 1500 });
      const decider = setInterval(() => {
        const connection = waiting.shift();
        // It may be gone and its id reused by now. That must be survived as well.
        if (connection !== undefined && it.isDeciding(connection)) it.decide(connection, next(5) - 1 > 2 ? 0 : next(3));
      }, 1);
      t.after(() => clearInterval(decider));
      const total = 200;
      const peers: Peer[] = [];
      let open = 0;
      for (let made = 0; made < total; made++) {
        const peer = new Peer(net.connect({ port: at, host: '127.0.0.1', allowHalfOpen: true }));
        peers.push(peer);
        open++;
        peer.socket.on('close', () => open--);
        setTimeout(() => void misbehave(peer, next), next(5));
        if (next(3) === 0) await sleep(1);
        await until(() => open < 60, 'there is room for more');
      }
      await until(() => open === 0 && it.engine.active === 0, 'all connections have ended', 20_000);
      assert.equal(it.ended.length, it.accepted.length);
      assert.ok(it.accepted.length > total / 2);
      for (const peer of peers) peer.socket.destroy();
      it.close();
      const listening = 3; // Two backends and the refusing port.
      await until(() => sockets() <= before + listening, `${before + listening} sockets, not ${sockets()}`);
    });
  }

  test('hundreds of connections leave no socket behind', async (t) => {
    const { port } = await backend(t, echo);
    const before = sockets();
    const it = rig(t, create);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen();
    const one = async (i: number): Promise<void> => {
      const peer = await client(t, at);
      if (i % 3 === 0) await peer.send('.').bytes(1);
      if (i % 4 === 0) peer.reset();
      else peer.end();
      await peer.finish();
      peer.socket.destroy();
    };
    for (let round = 0; round < 8; round++) await Promise.all(Array.from({ length: 50 }, async (_, i) => one(i)));
    await it.ends(400);
    it.close();
    await until(() => sockets() <= before, `${before} sockets, not ${sockets()}`);
  });
}

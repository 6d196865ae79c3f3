// Hundreds of connections of all kinds go back and forth between two engines while bytes flow. Every byte is checked on
// arrival.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import type { CreateEngine } from '../../engine/engine.ts';
import type { EngineName } from './engines.ts';
import { holdsBytes } from './handover.ts';
import { receivePattern, sendPattern } from './pattern.ts';
import { backend, client, echo } from './peer.ts';
import type { Peer } from './peer.ts';
import { random } from './random.ts';
import { rig, SERVICE } from './rig.ts';
import type { Rig } from './rig.ts';
import { until } from './wait.ts';

/** Sanitizers make each round ten times as expensive. */
const ROUNDS = Number(process.env['HANDOVER_ROUNDS'] ?? 100);
const MB = 1024 * 1024;
/** More than the kernel buffers. */
const TOO_MUCH = 16 * MB;

/** Backends, by target and by the listener that routes to it. */
const [ECHO, ENDS_FIRST, POURS, HESITATES] = [0, 1, 2, 3] as const;

interface Storm {
  /** Handovers have stopped. */
  over: boolean;
  /** How many bytes backends have received whole. */
  readonly receivedBytes: Promise<number>[];
}

interface Kind {
  readonly count: number;
  readonly backend: number;
  /** Plays the client. Resolves when it has seen everything it should. */
  be(peer: Peer, storm: Storm): Promise<void>;
}

const calm = async (storm: Storm): Promise<void> => until(() => storm.over, 'the storm is over', 60_000);

/** Sends pieces of this size and waits for each echo until the storm is over. */
async function toAndFro(peer: Peer, size: number, storm: Storm): Promise<void> {
  const seen = receivePattern(peer.socket, 7);
  let sent = 0;
  while (!storm.over) {
    sendPattern(peer.socket, 7, size, sent, false);
    sent += size;
    while (peer.received < sent) await once(peer.socket, 'data');
  }
  peer.end();
  assert.equal(await seen, sent);
}

const KINDS: readonly Kind[] = [
  {
    count: 50,
    backend: ECHO,
    async be(peer, storm) {
      await calm(storm);
      assert.equal(await peer.send('still there?').bytes(12), 'still there?');
      peer.end();
      await peer.finish();
    },
  },
  { count: 60, backend: ECHO, be: async (peer, storm) => toAndFro(peer, 64, storm) },
  { count: 10, backend: ECHO, be: async (peer, storm) => toAndFro(peer, 40_000, storm) },
  {
    count: 20,
    backend: ECHO,
    async be({ socket }) {
      sendPattern(socket, 1, 3 * MB);
      assert.equal(await receivePattern(socket, 1), 3 * MB);
    },
  },
  {
    count: 30,
    backend: ECHO,
    async be(peer, storm) {
      // The echo is half-closed with it.
      const seen = receivePattern(peer.socket, 2);
      sendPattern(peer.socket, 2, MB);
      assert.equal(await seen, MB);
      await calm(storm);
    },
  },
  {
    count: 30,
    backend: ENDS_FIRST,
    async be({ socket }, storm) {
      assert.equal(await receivePattern(socket, 3), MB);
      await calm(storm);
      sendPattern(socket, 4, MB);
    },
  },
  {
    count: 3,
    backend: POURS,
    async be({ socket }, storm) {
      socket.pause();
      await calm(storm);
      const seen = receivePattern(socket, 5);
      socket.resume();
      assert.equal(await seen, TOO_MUCH);
      socket.end();
    },
  },
  {
    count: 3,
    backend: HESITATES,
    async be({ socket }) {
      sendPattern(socket, 6, TOO_MUCH);
      return Promise.resolve();
    },
  },
];

async function scene(t: TestContext, create: CreateEngine, storm: Storm) {
  const from = rig(t, create, { accepted: (_, listener) => listener });
  const to = rig(t, create);
  const backends = [
    await backend(t, echo),
    await backend(t, ({ socket }) => {
      sendPattern(socket, 3, MB);
      storm.receivedBytes.push(receivePattern(socket, 4));
    }),
    await backend(t, ({ socket }) => sendPattern(socket, 5, TOO_MUCH)),
    await backend(t, ({ socket }) => {
      socket.pause();
      const seen = receivePattern(socket, 6);
      storm.receivedBytes.push(seen.finally(() => socket.end()));
      void calm(storm).then(() => socket.resume());
    }),
  ];
  to.engine.service(0, SERVICE);
  for (const { engine } of [from, to]) {
    for (const [target, { port }] of backends.entries()) engine.route(target, 0, '127.0.0.1', port);
  }
  return { from, to, ports: backends.map((_, listener) => from.listen(listener)) };
}

const bytesOf = ({ engine }: Rig): number => engine.bytes.reduce((sum, bytes) => sum + bytes, 0);
const descriptors = (): number => readdirSync('/proc/self/fd').length;

export function handoverStormTests(create: CreateEngine, name: EngineName): void {
  if (name === 'js') return;

  test('connections of all kinds go to and fro a hundred times and notice nothing', async (t) => {
    rig(t, create).close(); // The first engine of a process opens descriptors that stay open.
    const before = descriptors();
    const storm: Storm = { over: false, receivedBytes: [] };
    const { from, to, ports } = await scene(t, create, storm);
    const peers: Peer[] = [];
    const seen: Promise<void>[] = [];
    for (const kind of KINDS) {
      for (let i = 0; i < kind.count; i++) {
        const peer = await client(t, ports[kind.backend] ?? 0);
        peers.push(peer);
        seen.push(kind.be(peer, storm));
      }
    }
    const all = Promise.all(seen);
    // Awaited at the end. Nobody waits for it before.
    all.catch(() => undefined);
    await until(() => from.connected.length === peers.length, 'all are connected');

    let [rounds, moved, held] = [0, 0, 0];
    const next = random(7);
    await until(
      () => {
        // Takes a snapshot of both engines first, so that in each round some connections stay, go and come back.
        const [here, there] = [from.open, to.open];
        for (const [giver, taker, ids] of [
          [from, to, here],
          [to, from, there],
        ] as const) {
          for (const connection of ids) {
            if (next(4) === 0) continue;
            const released = giver.release(connection);
            held += Number(holdsBytes(released));
            moved++;
            taker.adopt(released);
          }
        }
        rounds++;
        return rounds >= ROUNDS && held >= ROUNDS;
      },
      'they are handed over often enough',
      60_000,
    );
    storm.over = true;
    await all;
    await Promise.all(storm.receivedBytes);
    await until(() => from.ended.length + to.ended.length === peers.length, 'all have ended');
    t.diagnostic(`${moved} handed over in ${rounds} rounds, ${held} with bytes in them`);
    assert.ok(moved > 100 * ROUNDS * 0.5, `${moved} were handed over`);

    const ended = [...from.ended, ...to.ended];
    const clean = ended.filter(({ end }) => end === 'client_closed' || end === 'backend_closed');
    assert.equal(clean.length, peers.length);
    const total = ended.reduce((sum, { bytesIn, bytesOut }) => sum + bytesIn + bytesOut, 0);
    assert.equal(bytesOf(from) + bytesOf(to), total);
    for (const { engine } of [from, to]) {
      assert.deepEqual(
        [engine.active, ...ports.map((_, target) => engine.unroute(target))],
        [0, true, true, true, true],
      );
    }
    for (const { socket } of peers) socket.destroy();
    from.close();
    to.close();
    await immediate();
    const left = before + ports.length; // The backends' listening sockets.
    await until(() => descriptors() <= left, `${left} descriptors are left, not ${descriptors()}`);
  });
}

// First bytes: a policy inspects them before it names a target, and takes some of them.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { INSPECT, MORE, REFUSE, WAIT } from '../../engine/engine.ts';
import type { CreateEngine } from '../../engine/engine.ts';
import { backend, client, echo, Peer, refusingPort } from './peer.ts';
import { rig } from './rig.ts';
import type { Rig, Script } from './rig.ts';
import { until } from './wait.ts';

const LIMITS = { bytes: 1024, ms: 60_000 };

interface Scene {
  readonly it: Rig;
  readonly at: number;
  /** What the policy was shown, as text. */
  readonly shown: string[];
}

/** Inspects every client and sends it where `inspected` says, by default to target 0, which echoes. */
export async function scene(
  t: TestContext,
  create: CreateEngine,
  inspected: NonNullable<Script['inspected']>,
  inspect = LIMITS,
): Promise<Scene> {
  const shown: string[] = [];
  const it = rig(t, create, {
    accepted: () => INSPECT,
    inspected: (connection, bytes, inspection) => {
      shown.push(bytes.toString('latin1'));
      return inspected(connection, bytes, inspection);
    },
    failed: () => 0,
  });
  const { port } = await backend(t, echo);
  it.engine.route(0, 0, '127.0.0.1', port);
  return { it, at: it.listen(0, { inspect }), shown };
}

export function inspectTests(create: CreateEngine): void {
  test('the first bytes are shown, and relayed like any other', async (t) => {
    const { it, at, shown } = await scene(t, create, () => 0);
    const peer = await client(t, at);
    assert.equal(await peer.send('hello').bytes(5), 'hello');
    assert.equal(await peer.send(' again').bytes(11), 'hello again');
    assert.deepEqual([shown, it.inspections], [['hello'], ['bytes']]);
    peer.end();
    assert.equal(await it.end(), 'client_closed');
    assert.deepEqual([it.ended[0]?.bytesIn, it.ended[0]?.bytesOut], [11, 11]);
    assert.deepEqual(Array.from(it.engine.bytes.subarray(0, 2)), [11, 11]);
  });

  test('a policy that wants more is shown all again with each that comes', async (t) => {
    const { at, shown } = await scene(t, create, (_, bytes) => (bytes.length < 6 ? MORE : 0));
    const peer = await client(t, at);
    for (const part of ['ab', 'cd', 'ef']) {
      peer.send(part);
      await until(() => shown.at(-1)?.endsWith(part) === true, `${part} is shown`);
    }
    assert.equal(await peer.bytes(6), 'abcdef');
    assert.deepEqual([...new Set(shown)], ['ab', 'abcd', 'abcdef']);
  });

  test('what is taken is neither relayed nor counted, and what follows is shown at once', async (t) => {
    const { it, at, shown } = await scene(t, create, (connection, bytes) => {
      if (!bytes.toString('latin1').startsWith('PROXY')) return 0;
      it.engine.take(connection, 7);
      return MORE;
    });
    const peer = await client(t, at);
    assert.equal(await peer.send('PROXY\r\nhello').bytes(5), 'hello');
    assert.deepEqual(shown, ['PROXY\r\nhello', 'hello']);
    peer.end();
    assert.equal(await peer.finish(), 'end');
    assert.equal(peer.received, 5);
    await it.end();
    assert.deepEqual([it.ended[0]?.bytesIn, it.ended[0]?.bytesOut], [5, 5]);
  });

  test('when all was taken the policy is shown what comes next', async (t) => {
    const { it, at, shown } = await scene(t, create, (connection, bytes) => {
      if (bytes[0] !== 0x31) return 0;
      it.engine.take(connection, bytes.length);
      return MORE;
    });
    const peer = await client(t, at);
    peer.send('1');
    await until(() => shown.length === 1, 'the first is shown');
    assert.equal(await peer.send('2').bytes(1), '2');
    assert.deepEqual(shown, ['1', '2']);
  });

  test('no more than was shown can be taken, and nothing but within the inspection', async (t) => {
    const errors: unknown[] = [];
    const { it, at } = await scene(t, create, (connection, bytes) => {
      const takes = [
        [connection, bytes.length + 1],
        [connection + 1, 1],
        [connection, 1],
        [connection, bytes.length],
      ] as const;
      for (const [whose, count] of takes) {
        try {
          it.engine.take(whose, count);
          errors.push(null);
        } catch (error) {
          errors.push(error instanceof Error && /Cannot take bytes/.test(error.message));
        }
      }
      return 0;
    });
    const peer = await client(t, at);
    assert.equal(await peer.send('abc').bytes(2), 'bc');
    assert.deepEqual(errors, [true, true, null, true]);
    assert.throws(() => it.engine.take(it.accepted[0] ?? 0, 1), /Cannot take bytes/);
  });

  test('as many as the listener allows are shown as full, and MORE is a refusal then', async (t) => {
    const { it, at, shown } = await scene(t, create, () => MORE, { bytes: 4, ms: 60_000 });
    const peer = await client(t, at);
    peer.send('123456789');
    assert.equal(await peer.finish(), 'reset');
    assert.deepEqual([shown.at(-1), it.inspections.at(-1), await it.end()], ['1234', 'full', 'refused']);
  });

  test('a client that ends is shown with what it sent, and its end is passed on after it', async (t) => {
    const { it, at, shown } = await scene(t, create, (_, __, inspection) => (inspection === 'ended' ? 0 : MORE));
    const peer = await client(t, at);
    peer.send('all').end();
    assert.equal(await peer.finish(), 'end');
    assert.equal(peer.received, 3);
    assert.deepEqual([shown.at(-1), await it.end()], ['all', 'client_closed']);
    const silent = await client(t, at);
    silent.end();
    assert.equal(await silent.finish(), 'end');
    assert.deepEqual([shown.at(-1), it.inspections.at(-1)], ['', 'ended']);
  });

  test('when its time is over the policy is asked a last time, also without a byte', async (t) => {
    const answers = [0, MORE];
    const last: Script['inspected'] = (_, __, inspection) => (inspection === 'late' ? (answers.shift() ?? 0) : MORE);
    const { it, at, shown } = await scene(t, create, last, { bytes: 100, ms: 200 });
    const started = performance.now();
    const slow = await client(t, at);
    assert.equal(await slow.send('part').bytes(4), 'part');
    assert.ok(performance.now() - started >= 195, 'not before its time');
    assert.deepEqual([shown.at(-1), it.inspections.at(-1)], ['part', 'late']);
    const silent = await client(t, at);
    assert.equal(await silent.finish(), 'reset');
    assert.deepEqual([shown.at(-1), it.inspections.at(-1), await it.end()], ['', 'late', 'refused']);
  });

  test('an inspected client may be refused, and one that waits goes on with what it sent', async (t) => {
    const { it, at } = await scene(t, create, (_, bytes) => (bytes[0] === 0x77 ? WAIT : REFUSE));
    const refused = await client(t, at);
    assert.equal(await refused.send('no').finish(), 'reset');
    assert.equal(await it.end(), 'refused');
    const waits = await client(t, at);
    waits.send('wait');
    await until(() => it.isDeciding(it.accepted.at(-1) ?? -1), 'it waits');
    waits.send(' for it');
    it.decide(it.accepted.at(-1) ?? -1, 0);
    assert.equal(await waits.bytes(11), 'wait for it');
  });

  test('a client that resets while it is inspected is gone', async (t) => {
    const { it, at, shown } = await scene(t, create, () => MORE);
    const peer = await client(t, at);
    peer.send('x');
    await until(() => shown.length > 0, 'it is shown');
    peer.reset();
    assert.equal(await it.end(), 'client_gone');
    const silent = await client(t, at);
    await until(() => it.accepted.length === 2, 'it is accepted');
    silent.reset();
    assert.equal((await it.ends(2))[1]?.end, 'client_gone');
  });

  test("a client that is inspected is its listener's, and can be cut", async (t) => {
    const { it, at, shown } = await scene(t, create, () => MORE);
    const peer = await client(t, at);
    peer.send('x');
    await until(() => shown.length > 0, 'it is shown');
    assert.equal(it.engine.cut({ service: 0 }), 0);
    assert.equal(it.engine.cut({ listener: 0 }), 1);
    assert.equal(await peer.finish(), 'reset');
    assert.equal(await it.end(), 'cut');
  });

  test('what was inspected goes whole to the next backend when the first cannot be reached', async (t) => {
    const { it, at } = await scene(t, create, () => 1);
    it.engine.route(1, 0, '127.0.0.1', refusingPort(t));
    const peer = await client(t, at);
    assert.equal(await peer.send('hello').bytes(5), 'hello');
    assert.deepEqual(it.failures, ['refused']);
  });

  test('a stream of megabytes right behind the first bytes arrives whole', async (t) => {
    const { it, at } = await scene(t, create, (connection) => {
      it.engine.take(connection, 3);
      return 0;
    });
    const data = Array.from({ length: 300_000 }, (_, i) => String(i).padStart(9, '0')).join(' ');
    const peer = await client(t, at);
    peer.send(data).end();
    assert.equal(await peer.finish(), 'end');
    assert.ok(peer.text === data.slice(3), 'every byte but those that were taken');
  });

  test('a listener without limits refuses who is to be inspected', async (t) => {
    const it = rig(t, create, { accepted: () => INSPECT });
    const peer = new Peer(net.connect(it.listen(), '127.0.0.1'));
    assert.equal(await peer.finish(), 'reset');
    assert.equal(await it.end(), 'refused');
    assert.deepEqual(it.inspections, []);
  });
}

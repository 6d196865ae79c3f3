// Keepalive probes, seen in the kernel's socket table: which timer runs for a socket, and when it is due.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CreateEngine } from '../../engine/engine.ts';
import { boundTcp, localPort } from '../bound.ts';
import { backend, client } from './peer.ts';
import { LISTENER, rig, SERVICE } from './rig.ts';
import { until } from './wait.ts';

const KEEPALIVE = '02';
/** Ticks of the table's timers per second. */
const PER_SECOND = 100;
/** After the configured silence, or once that is over after the pause between two probes. The default is two hours. */
const SOON_S = 10;

/** Seconds until the next probe of the socket on `from` with its peer on `to`; null: no probe is due. */
function probedIn(from: number, to: number): number | null {
  const [local, remote] = [from, to].map((port) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`);
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, here = '', there = '', , , timer = ''] = line.trim().split(/\s+/);
    if (!here.endsWith(local ?? '') || !there.endsWith(remote ?? '')) continue;
    const [kind, due = ''] = timer.split(':');
    return kind === KEEPALIVE ? Number.parseInt(due, 16) / PER_SECOND : null;
  }
  throw new Error(`Cannot find the socket from ${from} to ${to}`);
}

export function keepaliveTests(create: CreateEngine): void {
  const skip = process.platform === 'linux' ? false : 'the kernel has no such table';

  test('both sides are probed after keepaliveMs, the backend once the connection has lasted', { skip }, async (t) => {
    const it = rig(t, create);
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen(0, { keepaliveMs: 2000 });
    const peer = await client(t, at);
    const other = await served();
    await peer.send('.').bytes(0);
    await other.bytes(1);
    assert.ok(Number(probedIn(at, peer.port)) <= SOON_S);
    const towards = other.socket.remotePort ?? 0;
    await until(() => probedIn(towards, port) !== null, 'the backend is probed as well');
    assert.ok(Number(probedIn(towards, port)) <= SOON_S);
  });

  test('with keepaliveMs 0 nobody is probed, though the listening socket had it before', { skip }, async (t) => {
    const it = rig(t, create);
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    // As after a reload: the old and the new workers share the same socket.
    const handle = boundTcp('127.0.0.1', 0);
    const at = localPort(handle);
    handle.setKeepAlive(true, 2);
    it.engine.service(0, { ...SERVICE, keepaliveMs: 0, idleMs: 500 });
    it.engine.listen(0, handle, { ...LISTENER, keepaliveMs: 0 });
    const peer = await client(t, at);
    const other = await served();
    const towards = other.socket.remotePort ?? 0;
    await sleep(200);
    assert.deepEqual([probedIn(at, peer.port), probedIn(towards, port)], [null, null]);
    assert.equal(await it.end(), 'idle');
  });
}

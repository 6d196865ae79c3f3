// Many clients that do not read for long while backends send at full speed: the senders are held up, bal's memory for them is
// bounded and does not grow, others are served, and no byte is lost.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo, source } from '../harness/behaviours.ts';
import { forEachEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { QUICK } from '../harness/config.ts';
import { troubles, visits } from '../harness/load.ts';
import { atEnd } from '../../lib/testing/owner.ts';
import { PatternCheck } from '../harness/pattern.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { proportionalBytes } from '../harness/processes.ts';
import { until } from '../../lib/testing/until.ts';
import { MIB } from './footprint.ts';
import { scale } from './scale.ts';

const READERS = scale(10, 50);
const LENGTH = scale(32, 1024) * MIB;
/** Per held-up stream; the kernel's socket buffers are not the process's memory. */
const EACH = 2 * MIB;
/** Growth of a worker with any traffic at all. */
const WARM = 24 * MIB;
const SEED = 9;

forEachEngine(
  `${READERS} readers that stand still before ${LENGTH / MIB} MiB each cost bounded memory, and then get every byte`,
  async (t, engine) => {
    const sending: (() => number)[] = [];
    const big = await backend(t, (socket) => {
      sending.push(() => socket.bytesWritten - socket.writableLength);
      source(SEED, LENGTH)(socket);
    });
    const small = await backend(t, echo);
    const [port, other] = [await freePort(), await freePort()];
    const runtime = { ...QUICK, health_check_interval_ms: 60_000 };
    const bal = await startBal(t, {
      engine,
      config: {
        bind_address: '127.0.0.1',
        workers: 2,
        runtime,
        services: {
          big: { port, backends: [{ host: big.host, port: big.port }] },
          small: { port: other, backends: [{ host: small.host, port: small.port }] },
        },
      },
    });
    await bal.checked();
    const checks = sending.length;
    const held = async (): Promise<number> =>
      (await bal.workerPids()).reduce((sum, pid) => sum + proportionalBytes(pid), 0);
    await visits(other, echoes(), 100);
    const before = await held();

    const readers = Array.from({ length: READERS }, () => connect({ port, host: '127.0.0.1' }));
    atEnd(t, () => readers.forEach((reader) => reader.destroy()));
    for (const reader of readers) {
      reader.on('error', () => undefined);
      reader.pause();
    }
    await until('all backends send', () => sending.length === checks + READERS);
    const sent = (): number => sending.reduce((sum, bytes) => sum + bytes(), 0);
    const seen: number[] = [];
    const stuck = await until(
      'all senders are held up',
      () => {
        seen.push(sent());
        return seen.length >= 5 && seen.slice(-5).every((bytes) => bytes === seen.at(-1)) ? seen.at(-1) : null;
      },
      { everyMs: 100 },
    );
    assert.ok(stuck < READERS * LENGTH, 'the senders could not send everything');
    assert.deepEqual(troubles(await visits(other, echoes(4096), 200)), {}, 'others are served meanwhile');
    const grown = (await held()) - before;
    t.diagnostic(`${READERS} held-up streams: ${(grown / MIB).toFixed(1)} MiB more in the workers`);
    assert.ok(grown < WARM + READERS * EACH, `the workers have grown by ${(grown / MIB).toFixed(1)} MiB`);

    const arrived = readers.map((reader) => {
      const check = new PatternCheck(SEED);
      reader.on('data', (chunk: Buffer) => check.take(chunk));
      reader.resume();
      return check;
    });
    await until('every stream is complete', () => arrived.every(({ received }) => received === LENGTH), {
      withinMs: scale(60_000, 1_200_000),
      everyMs: 100,
    });
    assert.deepEqual(new Set(arrived.map(({ wrongAt }) => wrongAt)), new Set([null]));
    const after = (await held()) - before;
    t.diagnostic(`after all was read: ${(after / MIB).toFixed(1)} MiB more than before`);
    assert.ok(after < 2 * WARM, `the workers keep ${(after / MIB).toFixed(1)} MiB`);
  },
);

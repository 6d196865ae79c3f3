// The log's disk fills up while bal carries traffic, and gets room again.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newHome, startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { named } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { forEitherEngine } from '../harness/engines.ts';
import { names } from '../harness/exchange.ts';
import { startLoad, troubles } from '../harness/load.ts';
import { atEnd } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { recordsBelow } from '../harness/records.ts';
import { until } from '../../lib/testing/until.ts';
import { LONG } from './scale.ts';

const lacking = process.getuid?.() === 0 ? null : 'only root can mount a small disk';

/** Writes until the disk is full. */
function fill(file: string): void {
  try {
    writeFileSync(file, Buffer.alloc(100 * 1024 * 1024));
  } catch {
    // expected
  }
}

forEitherEngine(
  'doctor tells of a full log disk, traffic does not notice it, and with room again bal logs again',
  async (t, engine) => {
    const home = newHome(t);
    const logs = join(home, 'logs');
    mkdirSync(logs, { mode: 0o700 });
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'tmpfs', logs]).status !== 0) {
      t.skip('this machine allows no mount');
      return;
    }
    atEnd(t, () => void spawnSync('umount', ['-l', logs]));
    const a = await backend(t, named('a'));
    const port = await freePort();
    const config = configFor(port, [a], { workers: 1, log_level: 'debug', log_connections: 'all' });
    const bal = await startBal(t, { engine, home, daemon: true, config });
    const load = startLoad(t, port, names('a'), { clients: 4 });
    await load.succeeds(50);
    const ballast = join(logs, 'ballast');
    fill(ballast);
    const isLogsCheck = ({ name, level }: { name: string; level: string }): boolean =>
      name.includes('log') && level !== 'ok';
    await until(
      'doctor tells of the full disk',
      async () => {
        const { checks } = JSON.parse((await bal.cli('doctor', '--json')).stdout) as {
          checks: { name: string; level: string }[];
        };
        return checks.some(isLogsCheck);
      },
      { everyMs: 500 },
    );
    await load.succeeds(200);
    assert.equal((await bal.graceful()).code, 0, 'a reload works as well');
    await load.succeeds(50);

    if (LONG) {
      await until(
        'the buffer is full as well, and lines are dropped and counted',
        async () => Number((await bal.status()).totals?.log_lines_dropped_total) > 0,
        { withinMs: 300_000, everyMs: 500 },
      );
    }

    // Many records wait for room and would soon fill a small disk again, so enlarge it.
    assert.equal(spawnSync('mount', ['-o', 'remount,size=64m', logs]).status, 0);
    rmSync(ballast);
    const before = recordsBelow(logs).length;
    await until('it logs again', () => recordsBelow(logs).length > before);
    fill(ballast);
    await load.succeeds(200);
    assert.deepEqual(troubles(await load.stop()), {});
    assert.equal((await bal.stop()).code, 0, 'it stops also while the disk is full');
  },
  lacking,
);

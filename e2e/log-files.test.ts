// Things that happen to log files while bal runs. Traffic is never affected.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type Bal, startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { startLoad, troubles } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { logFiles, recordsBelow } from './harness/records.ts';
import { until } from '../lib/testing/until.ts';

/** Makes bal write a few lines: a reload must be logged. */
async function say(bal: Bal): Promise<void> {
  assert.equal((await bal.graceful()).code, 0);
}

forEitherEngine('files are rotated by size, every line stays whole, and only so many are kept', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, {
    engine,
    daemon: true,
    env: { BAL_LOG_SIZE: '1k' },
    config: configFor(port, [a], { workers: 1, log_level: 'debug', log_connections: 'all' }),
  });
  const load = startLoad(t, port, names('a'), { clients: 2 });
  const numbers = new Set<string>();
  await until(
    'many files were written',
    async () => {
      for (const file of logFiles(bal.home.logDir)) numbers.add(file);
      return numbers.size >= 16;
    },
    { withinMs: 40_000 },
  );
  await load.succeeds(20);
  assert.deepEqual(troubles(await load.stop()), {}, 'clients do not notice');
  await bal.stop();
  const left = logFiles(bal.home.logDir);
  assert.ok(left.length >= 3 && left.length <= 12, `${left.length} files are kept`);
  for (const file of left) {
    const text = readFileSync(file, 'utf8');
    for (const line of text.split('\n').slice(0, -1)) assert.equal(typeof JSON.parse(line).event, 'string');
    assert.ok(text === '' || text.endsWith('\n'));
    assert.equal(statSync(file).mode & 0o077, 0, 'only its owner reads the log');
  }
});

forEitherEngine('SIGUSR2 opens the log anew after somebody has moved it away', async (t, engine) => {
  const a = await backend(t, named('a'));
  const bal = await startBal(t, { engine, daemon: true, config: configFor(await freePort(), [a], { workers: 1 }) });
  const [file] = logFiles(bal.home.logDir);
  assert.ok(file !== undefined);
  renameSync(file, `${file}.1`);
  bal.signal('SIGUSR2');
  await until('there is a new file', () => {
    try {
      return statSync(file).isFile();
    } catch {
      return null;
    }
  });
  const reloads = (): number => readFileSync(file, 'utf8').split('"config.reloaded"').length - 1;
  await say(bal);
  await until('it is written to', () => reloads() === 1);
  // Read it only now: lines logged while the new file is being opened still go to the old one.
  const old = readFileSync(`${file}.1`, 'utf8').length;
  await say(bal);
  await until('it is written to again', () => reloads() === 2);
  assert.equal(readFileSync(`${file}.1`, 'utf8').length, old, 'the moved one is left alone');
});

forEitherEngine(
  'the log folder is removed and becomes a file: traffic goes on, lines are counted, and it heals',
  async (t, engine) => {
    const a = await backend(t, named('a'));
    const port = await freePort();
    const config = configFor(port, [a], { workers: 1, log_level: 'debug' });
    const bal = await startBal(t, { engine, daemon: true, config });
    const load = startLoad(t, port, names('a'), { clients: 4 });
    await load.succeeds(20);
    rmSync(bal.home.logDir, { recursive: true });
    writeFileSync(bal.home.logDir, 'in the way');
    bal.signal('SIGUSR2');
    await until('lost lines are counted', async () => {
      return Number((await bal.status()).totals?.log_lines_dropped_total) > 0;
    });
    const doctor = await bal.cli('doctor');
    assert.match(doctor.stdout + doctor.stderr, /log/i);
    const verdicts: { name: string; level: string }[] = JSON.parse((await bal.cli('doctor', '--json')).stdout).checks;
    assert.ok(verdicts.some(({ name, level }) => name.includes('log') && level !== 'ok'));
    await load.succeeds(20);

    rmSync(bal.home.logDir);
    bal.signal('SIGUSR2');
    await until('it logs again', () => recordsBelow(bal.home.logDir).length > 0);
    await load.succeeds(20);
    assert.deepEqual(troubles(await load.stop()), {});
  },
);

forEitherEngine('nobody reads stdout in the foreground any more: traffic goes on', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { log_level: 'debug' }) });
  bal.closeStdout();
  const load = startLoad(t, port, names('a'), { clients: 4 });
  for (let i = 0; i < 3; i++) {
    await say(bal);
    await load.succeeds(20);
  }
  assert.deepEqual(troubles(await load.stop()), {});
});

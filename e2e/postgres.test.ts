// PostgreSQL's own client and benchmark through bal: independent programs that check every byte.
import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { freePort } from '../lib/testing/ports.ts';
import { thisFile } from '../lib/testing/owner.ts';
import { POSTGRES_PROGRAMS, psql, startPostgres } from './harness/postgres.ts';
import { lacking, run } from '../lib/testing/program.ts';

const reason = lacking(...POSTGRES_PROGRAMS, 'pgbench');
const owner = thisFile();

let server: Promise<number> | null = null;

forEachEngine(
  'psql and pgbench work through bal: same data, no failed transaction, also with a connection each',
  async (t, engine) => {
    const direct = await (server ??= startPostgres(owner));
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [{ host: '127.0.0.1', port: direct }]) });

    const rows = "copy (select i, md5(i::text), repeat('x', i % 100) from generate_series(1, 100000) i) to stdout";
    const [there, through] = [await psql(direct, rows), await psql(port, rows)];
    assert.equal(through.code, 0, through.stderr);
    assert.ok(through.stdout.length > 5_000_000);
    assert.ok(through.stdout.equals(there.stdout), 'the same data comes through bal');

    const bench = (...args: string[]): ReturnType<typeof run> =>
      run('pgbench', ['-h', '127.0.0.1', '-p', String(port), '-U', 'bal', ...args, 'postgres']);
    const made = await bench('-i', '-s', '1', '-q');
    assert.equal(made.code, 0, made.stderr);
    for (const [transactions, args] of [
      [400, ['-c', '8', '-j', '2', '-t', '50']],
      [100, ['-c', '4', '-j', '2', '-t', '25', '-C']],
      [400, ['-c', '8', '-j', '2', '-t', '50', '-S', '-M', 'prepared']],
    ] as const) {
      const { code, stdout, stderr } = await bench('-n', ...args);
      const said = stdout.toString();
      assert.equal(code, 0, stderr);
      assert.ok(said.includes(`transactions actually processed: ${transactions}/${transactions}`), said);
      assert.doesNotMatch(said, /failed transactions: [1-9]/);
      assert.doesNotMatch(stderr, /error|abort|closed/i);
    }
    const { totals } = await bal.statusWhen(
      'no connection is left',
      (status) => status.totals?.active_connections === 0,
    );
    assert.equal(totals?.failed_total, 0);
  },
  reason,
);

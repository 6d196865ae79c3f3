// A private PostgreSQL server with the user `bal`.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { Owner } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { run, type RunResult, serve, workFolder } from '../../lib/testing/program.ts';
import { words } from '../../lib/testing/shape.ts';
import { until } from '../../lib/testing/until.ts';

/** Programs that `startPostgres` and `psql` need. */
export const POSTGRES_PROGRAMS = ['initdb', 'postgres', 'psql'] as const;

/** Returns the options for its programs to reach the server at this port. */
export function postgresAt(port: number): string[] {
  return words(`-h 127.0.0.1 -p ${port} -U bal`);
}

/** Returns its port. `as`: a standby without a primary, and not a hot one, answers each login that it is starting up. */
export async function startPostgres(owner: Owner, as: 'primary' | 'standby' = 'primary'): Promise<number> {
  const port = await freePort();
  const folder = workFolder(owner);
  const data = `${folder}/data`;
  const made = await run('initdb', ['-D', data, '-U', 'bal', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']);
  assert.equal(made.code, 0, made.stderr);
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    fsync: 'off',
    max_connections: 60,
    hot_standby: 'off',
  };
  if (as === 'standby') writeFileSync(`${data}/standby.signal`, '');
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  await serve(owner, 'postgres', ['-D', data, ...args], { port, cwd: folder });
  if (as === 'primary') await until('PostgreSQL answers', async () => (await psql(port, 'select 1')).code === 0);
  return port;
}

export function psql(port: number, sql: string): Promise<RunResult> {
  return run('psql', [...postgresAt(port), '-d', 'postgres', '-X', '-A', '-t', '-c', sql]);
}

// A private Redis server without persistence.
import type { Owner } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { serve, workFolder } from '../../lib/testing/program.ts';

/** Returns its port. */
export async function startRedis(owner: Owner): Promise<number> {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  await serve(owner, 'redis-server', args, { port, cwd: workFolder(owner) });
  return port;
}

// Started inside the namespace by hanging-lookup.test.ts: a name server that never answers, and commands that query it.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { newHome, writeConfig } from './harness.ts';
import { cli, type CliResult } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { freePort } from '../lib/testing/ports.ts';
import { owned } from './soak/owned.ts';

/** With this resolv.conf a lookup takes several times as long. */
const DEADLINE_MS = 30_000;

await owned(async (owner) => {
  const silent = createSocket('udp4').bind(53, '127.0.0.1');
  await once(silent, 'listening');
  const [literal, named] = [
    { host: '127.0.0.1', port: 1 },
    { host: 'backend.bal.test', port: 1 },
  ];
  const run = async (args: readonly string[], config: Record<string, unknown>): Promise<CliResult> => {
    const home = newHome(owner);
    writeConfig(home, config);
    return await cli(args, { home, deadlineMs: DEADLINE_MS });
  };
  const listener = { bind_address: 'listener.bal.test' };
  const [backend, listen, start, daemon] = await Promise.all([
    run(['doctor', '--json'], configFor(await freePort(), [literal, named])),
    run(['doctor', '--json'], configFor(await freePort(), [literal], listener)),
    run(['start'], configFor(await freePort(), [named], listener)),
    run(['start', '-d'], configFor(await freePort(), [named], listener)),
  ]);
  process.stdout.write(JSON.stringify({ backend, listen, start, daemon }));
  silent.close();
});

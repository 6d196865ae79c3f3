// A failed start leaves nothing behind: no process, PID file, socket or bound port.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { newHome, writeConfig } from './harness.ts';
import { cli, type CliResult } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { type EngineName, forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { visits } from './harness/load.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { pidsOf } from './harness/processes.ts';
import { until } from '../lib/testing/until.ts';

async function occupied(t: TestContext): Promise<number> {
  const port = await freePort();
  const server = createServer().listen({ port, host: '127.0.0.1', exclusive: true });
  await once(server, 'listening');
  atEnd(t, () => server.close());
  return port;
}

async function isRefused(
  t: TestContext,
  engine: EngineName,
  config: Record<string, unknown>,
  says: RegExp,
): Promise<void> {
  for (const args of [['start'], ['start', '-d']]) {
    const home = newHome(t);
    writeConfig(home, config, engine);
    const result: CliResult = await cli(args, { home });
    const said = result.stderr + result.stdout;
    assert.equal(result.code, 1, said);
    assert.match(said, says);
    for (const word of ['what_happened:', 'why_likely:', 'do_this_now:']) assert.ok(said.includes(word), said);
    assert.doesNotMatch(said, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace');
    assert.equal(existsSync(`${home}/bal.pid`), false);
    assert.equal(existsSync(`${home}/bal.sock`), false);
    await until('no process is left', () => pidsOf(home).length === 0);
  }
}

const somewhere = [{ host: '127.0.0.1', port: 1 }];

forEitherEngine('a port that another program has is named, and start fails', async (t, engine) => {
  const port = await occupied(t);
  await isRefused(t, engine, configFor(port, somewhere), new RegExp(`127\\.0\\.0\\.1:${port}`));
});

forEitherEngine('one port of several in use: none is served', async (t, engine) => {
  const [free, taken] = [await freePort(), await occupied(t)];
  const service = (port: number): object => ({ port, bind_address: '127.0.0.1', backends: somewhere });
  await isRefused(
    t,
    engine,
    { services: { first: service(free), second: service(taken) } },
    new RegExp(`127\\.0\\.0\\.1:${taken}`),
  );
  assert.equal((await visits(free, names('x'), 1)).refused, 1);
});

forEitherEngine('an address that this machine does not have is named, and start fails', async (t, engine) => {
  // 192.0.2.0/24 is reserved for documentation (RFC 5737): no machine has it.
  const config = configFor(await freePort(), somewhere, { bind_address: '192.0.2.1' });
  await isRefused(t, engine, config, /192\.0\.2\.1/);
});

forEitherEngine('a name to listen on that does not resolve is named, and start fails', async (t, engine) => {
  // .invalid never resolves (RFC 6761).
  const config = configFor(await freePort(), somewhere, { bind_address: 'nowhere.invalid' });
  await isRefused(t, engine, config, /nowhere\.invalid/);
});

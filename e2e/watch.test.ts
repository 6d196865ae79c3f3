// `bal start --watch`: changes of the files are served, or reported if invalid; an upgrade keeps watching.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';
import { newHome, startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { QUICK } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';

forEitherEngine('files that change are reloaded by themselves, each content once', async (t, engine) => {
  const a = await backend(t, named('a'));
  const [one, two, three] = [await freePort(), await freePort(), await freePort()];
  const home = newHome(t);
  const piece = join(home, 'conf.d', 'web.yaml');
  mkdirSync(join(home, 'conf.d'));
  const service = (name: string, port: number): string =>
    `services:\n  ${name}:\n    port: ${port}\n    backends:\n      - ${a.address}\n`;
  const main = JSON.stringify({ engine, workers: 1, bind_address: '127.0.0.1', runtime: QUICK }).slice(1, -1);
  const config = `{${main}, "include": "conf.d/*.yaml", "services": {"main": {"port": ${one}, "backends": ["${a.address}"]}}}\n`;
  const bal = await startBal(t, { config, daemon: true, home, words: ['--watch'] });
  assert.deepEqual((await bal.status()).watch, { by: 'events' });
  const serves = (what: string): Promise<unknown> =>
    bal.statusWhen(`it serves ${what}`, ({ services, state }) => {
      return state === 'running' && services.map(({ name, port }) => `${name}:${port}`).join(' ') === what;
    });

  writeFileSync(piece, service('web', two));
  await serves(`main:${one} web:${two}`);
  assert.deepEqual(troubles(await visits(two, names('a'), 5)), {});

  // This content is served already: it causes no reload.
  assert.equal((await bal.cli('backend', 'weight', a.address, '5', '--service', 'web', '--save')).code, 0);

  writeFileSync(piece, 'services: [');
  const refused = await bal.statusWhen('the content is refused', ({ refused_reload: it }) => (it ?? null) !== null);
  assert.equal(refused.services.length, 2);
  const { stdout } = await bal.cli('status');
  assert.match(stdout, /, watched$/m);
  assert.match(stdout, new RegExp(`^the reload at \\S+Z was rejected: ${piece}:1:`, 'm'));
  const rejected = await bal.logged('config.rejected');
  assert.match(rejected.message, new RegExp(`^reload rejected, nothing has changed: ${piece}:1:`));

  const { pid }: { pid: number } = JSON.parse((await bal.cli('upgrade', '--json')).stdout);
  await bal.statusWhen('another process serves', (now) => now.pid === pid && (now.watch ?? null) !== null);
  writeFileSync(piece, service('web', three));
  await serves(`main:${one} web:${three}`);
  rmSync(piece);
  await serves(`main:${one}`);
  const kinds = (): string[] =>
    bal.logs().flatMap(({ event }) => /^config\.(reloaded|rejected)$/.exec(event)?.[1] ?? []);
  // The status is ahead of the log.
  await until('the last one is in the log', () => kinds().length >= 4);
  assert.deepEqual(kinds(), ['reloaded', 'rejected', 'reloaded', 'reloaded']);
});

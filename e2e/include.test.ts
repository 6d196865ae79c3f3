// A configuration with included files: how each command handles them.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isProblem } from '../config/problem.ts';
import { freePort } from '../lib/testing/ports.ts';
import { newHome, startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { QUICK } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { visits, troubles } from './harness/load.ts';

forEitherEngine(
  'services in files of their own come, change and go with a reload, or all stays as it was',
  async (t, engine) => {
    const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
    const [one, two] = [await freePort(), await freePort()];
    const home = newHome(t);
    const piece = join(home, 'conf.d', 'web.yaml');
    mkdirSync(join(home, 'conf.d'));
    const service = (name: string, port: number, address: string): string =>
      `services:\n  ${name}: # the team's\n    port: ${port}\n    backends:\n      - ${address} # rack 1\n`;
    const main = JSON.stringify({ engine, workers: 1, bind_address: '127.0.0.1', runtime: QUICK }).slice(1, -1);
    const config = `{${main}, "include": "conf.d/*.yaml", "services": {"main": {"port": ${one}, "backends": ["${a.address}"]}}}\n`;
    const bal = await startBal(t, { config, daemon: true, home });
    assert.deepEqual((await bal.status()).included_files, []);

    writeFileSync(piece, service('web', two, b.address));
    const added = await bal.graceful();
    assert.deepEqual(added.verdict.changed, [{ what: 'web', from: null, to: `127.0.0.1:${two} to ${b.address}` }]);
    assert.deepEqual((await bal.status()).included_files, [piece]);
    assert.deepEqual(troubles(await visits(two, names('b'), 5)), {});
    assert.match((await bal.cli('status')).stdout, /which includes 1 file$/m);
    assert.match((await bal.cli('check')).stdout, /valid, 2 services, with 1 included file\n/);
    assert.match(
      (await bal.cli('check', '--verbose')).stdout,
      new RegExp(`services\\.web\\.port +${two}  \\(${piece}:3\\)`),
    );

    const saved = await bal.cli('backend', 'weight', b.address, '5', '--save', '--json');
    assert.equal(saved.code, 0, saved.stdout + saved.stderr);
    const [host = '', port = ''] = b.address.split(':');
    const after = service('web', two, `{host: ${host}, port: ${port}, weight: 5}`);
    assert.equal(readFileSync(piece, 'utf8'), after, 'comments and style are kept');
    assert.equal(readFileSync(bal.configFile, 'utf8'), config);

    writeFileSync(piece, `${after}log_level: debug\n`);
    const refused = await bal.cli('graceful');
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      new RegExp(`^${piece}:6:1 log_level: an included file holds "services" and nothing else`, 'm'),
    );
    const doctor = await bal.cli('doctor');
    assert.match(doctor.stdout, new RegExp(`${piece}:6:1 log_level`));
    assert.deepEqual(troubles(await visits(two, names('b'), 5)), {}, 'nothing has changed');
    const { errors } = (await bal.graceful()).verdict;
    assert.deepEqual(
      errors.filter(isProblem).map(({ file, line }) => `${file}:${line}`),
      [`${piece}:6`],
    );

    rmSync(piece);
    assert.deepEqual(
      (await bal.graceful()).verdict.changed.map(({ what, to }) => `${what} ${to}`),
      ['web null'],
    );
    assert.deepEqual(
      (await bal.status()).services.map(({ name }) => name),
      ['main'],
    );
  },
);

// `bal backend … --save` changes the running bal and its file together, and keeps the rest of the file as written.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { BackendVerdict } from '../lib/control/backends.ts';
import { freePort } from '../lib/testing/ports.ts';
import { type Bal, startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { visits } from './harness/load.ts';

async function change(bal: Bal, ...args: string[]): Promise<BackendVerdict> {
  const { stdout } = await bal.cli('backend', ...args, '--json');
  const verdict: BackendVerdict = JSON.parse(stdout);
  return verdict;
}

forEitherEngine(
  'what is saved is in the file, comments and all, and in the instance, and nowhere else',
  async (t, engine) => {
    const [a, b, c, d] = [
      await backend(t, named('a')),
      await backend(t, named('b')),
      await backend(t, named('c')),
      await backend(t, named('d')),
    ];
    const port = await freePort();
    const text = `# who changes this tells the team
engine: ${engine}
port: ${port}            # clients know it
bind_address: 127.0.0.1
workers: 2

backends:
  # the old machines
  - host: 127.0.0.1
    port: ${a.port}      # rack 1
  - {host: 127.0.0.1, port: ${b.port}}
  # the new one
  - host: "127.0.0.1"
    port: ${c.port}
    weight: 2           # big

log_level: info         # see logs/
`;
    const bal = await startBal(t, { config: text, daemon: true });
    await bal.checked();
    const workers = await bal.workerPids();
    const all = names('a', 'b', 'c', 'd');
    const file = (): string => readFileSync(bal.configFile, 'utf8');

    await change(bal, 'drain', a.address);
    const weighed = await change(bal, 'weight', c.address, '5', '--save');
    assert.deepEqual([weighed.ok, weighed.saved, weighed.live_changes, weighed.warnings], [true, true, [], []]);
    const one = text.replace('weight: 2 ', 'weight: 5 ');
    assert.equal(file(), one, 'nothing but the number, and nothing of what was not to be saved');
    const drained = await change(bal, 'drain', a.address, '--save');
    assert.deepEqual([drained.saved, drained.live_changes], [true, []], 'what was live before is saved now');
    const two = one.replace(`# rack 1\n`, `# rack 1\n    weight: 0\n`);
    assert.equal(file(), two);
    await change(bal, 'remove', b.address, '--save');
    const three = two.replace(`  - {host: 127.0.0.1, port: ${b.port}}\n`, '');
    assert.equal(file(), three);
    await change(bal, 'add', d.address);
    await change(bal, 'weight', d.address, '3');
    const added = await change(bal, 'weight', d.address, '4', '--save');
    assert.equal(added.saved, true);
    const four = three.replace('# big\n', `# big\n  - host: "127.0.0.1"\n    port: ${d.port}\n    weight: 4\n`);
    assert.equal(file(), four);

    assert.deepEqual((await bal.status()).live_changes, []);
    assert.equal(existsSync(bal.home.backendsFile), false, 'nothing is left beside the file');
    assert.deepEqual(await bal.workerPids(), workers);
    const { answers } = await visits(port, all, 36);
    assert.deepEqual(Object.keys(answers).sort(), ['c', 'd']);
    // 5 to 4, give or take one turn per worker.
    assert.ok(Math.abs(Number(answers['c']) - 20) <= 2 * 2, JSON.stringify(answers));
    assert.match((await bal.cli('doctor')).stdout, /ok\s+config_drift/);
    const { verdict } = await bal.graceful();
    assert.deepEqual(
      [verdict.ok, verdict.changed, verdict.live_changes.kept],
      [true, [], []],
      'a reload finds nothing new',
    );

    const refused = await bal.cli('backend', 'drain', c.address, '--save', '--wait');
    assert.equal(refused.code, 0, refused.stderr);
    const last = await bal.cli('backend', 'drain', d.address, '--save');
    assert.equal(last.code, 1);
    assert.match(last.stderr, /what_happened: the change cannot be saved: every backend has weight 0/);
    assert.deepEqual((await bal.status()).live_changes, [], 'refused means that nothing has changed');
    assert.deepEqual(Object.keys((await visits(port, all, 6)).answers), ['d']);
    writeFileSync(bal.configFile, file().replace(String(d.port), String(b.port)));
    const drifted = await bal.cli('backend', 'ready', c.address, '--save');
    assert.equal(drifted.code, 1);
    assert.match(drifted.stderr, /are not those that bal has loaded/);
    for (const args of [
      ['reset', d.address, '--save'],
      ['list', '--save'],
      ['drain', d.address, '--save', '--timeout', '1s'],
    ])
      assert.equal((await bal.cli('backend', ...args)).code, 2, args.join(' '));
  },
);

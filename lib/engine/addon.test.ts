import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../testing/root.ts';
import { loadAddon } from './addon.ts';

const loaded = loadAddon();

test(
  'an addon that is loaded stays so when its files are removed',
  { skip: loaded.ok ? false : loaded.reason },
  (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'bal-addon-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    // Laid out as in a clone, with another version's files next to it.
    const here = join('.build', 'lib');
    cpSync(join(ROOT, 'dist', 'native'), join(folder, 'dist', 'native'), { recursive: true });
    for (const file of ['addon.js', 'engine.js'])
      cpSync(join(ROOT, here, 'engine', file), join(folder, here, 'engine', file), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
    const script = `const { loadAddon } = await import(${JSON.stringify(join(folder, here, 'engine', 'addon.js'))});
    const { rmSync } = await import('node:fs');
    const before = loadAddon();
    rmSync(${JSON.stringify(join(folder, 'dist'))}, { recursive: true });
    const after = loadAddon();
    console.log(before.ok, after.ok, before.addon === after.addon);`;
    const args = ['--input-type=module', '-e', script];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: dirname(folder) });
    assert.equal(stdout, 'true true true\n', stderr);
  },
);

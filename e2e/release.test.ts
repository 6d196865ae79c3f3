// What is shipped: a release tarball and an npm package with the same files, all that bal needs and no tests.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newFolder } from './harness/release.ts';
import { ROOT } from './harness/root.ts';

const folder = newFolder({ after }, 'release');

function release(into: string): string {
  const program = join(ROOT, 'bin', 'release.mjs');
  return execFileSync(process.execPath, [program, join(folder, into)], { encoding: 'utf8' }).trim();
}

/** The files in a tarball, without its top folder. */
function filesIn(tarball: string): string[] {
  const names = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).split('\n');
  return names
    .filter((name) => name !== '' && !name.endsWith('/'))
    .map((name) => name.slice(name.indexOf('/') + 1))
    .sort();
}

test('a release made twice has the same bytes', () => {
  assert.ok(readFileSync(release('one')).equals(readFileSync(release('two'))));
});

test('SHA256SUMS lists every tarball in the folder, as sha256sum checks it', () => {
  const tarball = release('sums');
  assert.deepEqual(readdirSync(join(folder, 'sums')).length, 2);
  const checked = execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: join(folder, 'sums'), encoding: 'utf8' });
  assert.equal(checked, `${tarball.slice(tarball.lastIndexOf('/') + 1)}: OK\n`);
});

test('the npm package and the release have the same files: programs, samples, licences, and no tests', () => {
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
  }).trim();
  const files = filesIn(join(folder, packed));
  assert.deepEqual(files, filesIn(release('same')));
  for (const file of ['bal.js', 'worker.js', 'demo.js', 'backend.js', 'THIRD-PARTY-LICENSES.txt']) {
    assert.ok(files.includes(`dist/${file}`), file);
  }
  for (const file of ['LICENSE', 'install.sh', 'sample/config.yaml', 'sample/bal.service']) {
    assert.ok(files.includes(file), file);
  }
  assert.deepEqual(
    files.filter((file) => /\.test\.|\.stamp|node_modules/.test(file)),
    [],
  );
});

// Writes what is generated in the READMEs: the configuration reference, from the schema, and the benchmark's figures at a
// glance, from e2e/bench/RESULTS.md. `npm run docs`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { withReference } = await import(join(root, '.build', 'config', 'readme.js'));
const { withGlance } = await import(join(root, '.build', 'e2e', 'bench', 'readme.js'));
const measured = join(root, 'e2e', 'bench', 'RESULTS.md');
const results = existsSync(measured) ? readFileSync(measured, 'utf8') : null;
for (const [file, language] of [
  ['README.md', 'en'],
  ['README.ko.md', 'ko'],
]) {
  const path = join(root, file);
  const before = readFileSync(path, 'utf8');
  const after = withGlance(withReference(before, language), results);
  if (after !== before) {
    writeFileSync(path, after);
    console.log(`${file} is brought up to date`);
  }
}

// Writes what is generated in the READMEs: the configuration reference, from the schema. `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { withReference } = await import(join(root, '.build', 'config', 'readme.js'));
for (const [file, language] of [
  ['README.md', 'en'],
  ['README.ko.md', 'ko'],
]) {
  const path = join(root, file);
  const before = readFileSync(path, 'utf8');
  const after = withReference(before, language);
  if (after !== before) {
    writeFileSync(path, after);
    console.log(`${file} is brought up to date`);
  }
}

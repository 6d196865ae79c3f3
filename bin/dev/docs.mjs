// `npm run docs`: writes everything generated. Into the pages: the configuration reference from the schema, and the benchmark's
// figures from e2e/bench/RESULTS.md. Into share/: completions and man page from the table of commands, and the JSON Schema.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { withReference } = await import(join(root, '.build', 'config', 'readme.js'));
const { withBrief, withGlance } = await import(join(root, '.build', 'e2e', 'bench', 'readme.js'));
const { jsonSchema } = await import(join(root, '.build', 'config', 'json-schema.js'));
const { sharedFiles } = await import(join(root, '.build', 'lib', 'cli', 'shell', 'files.js'));
const measured = join(root, 'e2e', 'bench', 'RESULTS.md');
const results = existsSync(measured) ? readFileSync(measured, 'utf8') : null;

bringUpToDate('config/README.md', (page) => withReference(page, 'en'));
bringUpToDate('lib/engine/README.md', (page) => withGlance(page, results));
for (const file of ['README.md', 'README.ko.md']) bringUpToDate(file, (page) => withBrief(page, results));
for (const [name, text] of Object.entries(sharedFiles())) bringUpToDate(join('share', name), () => text);
bringUpToDate('share/config.schema.json', () => `${JSON.stringify(jsonSchema(), null, 2)}\n`);

function bringUpToDate(file, write) {
  const path = join(root, file);
  mkdirSync(dirname(path), { recursive: true });
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const after = write(before);
  if (after === before) return;
  writeFileSync(path, after);
  console.log(`${file} is brought up to date`);
}

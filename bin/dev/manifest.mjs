// The shipped package.json: without dependencies, which are bundled into dist/ and would be downloaded for nothing.
//   node bin/dev/manifest.mjs strip|restore     before and after `npm pack` (prepack, postpack)
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export function shippedManifest(text) {
  const { dependencies: _bundled, devDependencies: _dev, scripts: _scripts, ...manifest } = JSON.parse(text);
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

const file = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'package.json');
const kept = join(dirname(file), '.package.json.kept');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === 'restore') {
    if (existsSync(kept)) renameSync(kept, file);
  } else {
    // An interrupted run has left the complete file there; keep it.
    if (!existsSync(kept)) writeFileSync(kept, readFileSync(file));
    writeFileSync(file, shippedManifest(readFileSync(kept, 'utf8')));
  }
}

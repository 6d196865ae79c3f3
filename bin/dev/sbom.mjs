// The bill of materials in CycloneDX 1.5: the bundled packages, as listed in package-lock.json. The same sources give the same bytes:
// it has no random number, and its time is that of the commit.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commit, madeAt } from './origin.mjs';

/** `names` are package names. Returns the document as text. */
export function billOfMaterials(root, names) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const bundled = new Map([...names].sort().map((name) => [name, entryOf(locked, name)]));
  const refOf = (name) => purl(name, bundled.get(name).version);
  const known = (wanted) => Object.keys(wanted ?? {}).filter((name) => bundled.has(name));
  const self = purl(manifest.name, manifest.version);
  const needed = new Set([...bundled.values()].flatMap(({ dependencies }) => known(dependencies)));
  const body = {
    components: [...bundled].map(([name, entry]) => componentOf(name, entry)),
    dependencies: [
      { ref: self, dependsOn: [...bundled.keys()].filter((name) => !needed.has(name)).map(refOf) },
      ...[...bundled].map(([name, { dependencies }]) => ({
        ref: refOf(name),
        dependsOn: known(dependencies).sort().map(refOf),
      })),
    ],
  };
  const source = commit();
  const metadata = {
    timestamp: new Date(Number(madeAt()) * 1000).toISOString().replace('.000', ''),
    component: {
      'bom-ref': self,
      type: 'application',
      name: manifest.name,
      version: manifest.version,
      description: manifest.description,
      licenses: [{ license: { id: manifest.license } }],
      purl: self,
      ...(source !== null && { properties: [{ name: 'bal:commit', value: source }] }),
    },
  };
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify([metadata, body]))}`;
  const head = { bomFormat: 'CycloneDX', specVersion: '1.5', serialNumber, version: 1 };
  return `${JSON.stringify({ ...head, metadata, ...body }, null, 2)}\n`;
}

function entryOf(locked, name) {
  const entry = locked[`node_modules/${name}`];
  if (entry === undefined) throw new Error(`Cannot make the bill of materials: package-lock.json has no ${name}`);
  return entry;
}

function componentOf(name, { version, license, integrity }) {
  const [group, short] = name.startsWith('@') ? name.split('/') : [null, name];
  const ref = purl(name, version);
  return {
    'bom-ref': ref,
    type: 'library',
    ...(group !== null && { group }),
    name: short,
    version,
    hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') }],
    licenses: [{ license: { id: license } }],
    purl: ref,
  };
}

function purl(name, version) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

/** A UUID derived from the text (RFC 9562, version 8: vendor-specific). */
function uuidOf(text) {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

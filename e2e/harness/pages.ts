// The pages of the project: which there are, and who reads them.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../lib/testing/root.ts';

/** What a newcomer reads, in two languages of the same shape. */
export const READMES = ['README.md', 'README.ko.md'] as const;

/** What a user looks things up in. Shipped, as the READMEs are. */
export const REFERENCE = [
  'config/README.md',
  'lib/cli/README.md',
  'lib/control/README.md',
  'lib/BEHAVIOUR.md',
  'lib/engine/README.md',
  'lib/import/README.md',
  'sample/README.md',
  'share/README.md',
] as const;

/** What is of use only beside the sources. Not shipped, but for lib/README.md: npm packs it with the other page there. */
export const FOR_CONTRIBUTORS = [
  'CONTRIBUTING.md',
  'lib/README.md',
  'lib/engine/native/README.md',
  'e2e/README.md',
  'e2e/RELIABILITY.md',
  'e2e/bench/RESULTS.md',
] as const;

/** Every page that is there, of whatever kind; paths from the root. */
export function allPages(): string[] {
  const folders = ['bin', 'config', 'lib', 'sample', 'share', 'e2e'];
  const below = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  return [...readdirSync(ROOT), ...below].filter((file) => file.endsWith('.md')).sort();
}

/** What a file of the project holds; its path from the root. */
export function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

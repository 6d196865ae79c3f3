// Lists the project's pages by audience.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../lib/testing/root.ts';

/** For newcomers, in two languages with the same structure. */
export const READMES = ['README.md', 'README.ko.md'] as const;

/** Reference for users. Shipped, like the READMEs. */
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

/** Useful only with the sources. Not shipped, except lib/README.md: npm packs it with the other page there. */
export const FOR_CONTRIBUTORS = [
  'CONTRIBUTING.md',
  'lib/README.md',
  'lib/engine/native/README.md',
  'e2e/README.md',
  'e2e/RELIABILITY.md',
  'e2e/bench/RESULTS.md',
] as const;

/** Returns all existing pages; paths from the root. */
export function allPages(): string[] {
  const folders = ['bin', 'config', 'lib', 'sample', 'share', 'e2e'];
  const below = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  return [...readdirSync(ROOT), ...below].filter((file) => file.endsWith('.md')).sort();
}

/** Returns the text of a project file; its path is from the root. */
export function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

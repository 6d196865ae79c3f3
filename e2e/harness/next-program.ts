// Programs for `bal upgrade`: copies of bal with another version, some of which fail.
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Owner } from '../../lib/testing/owner.ts';
import { workFolder } from '../../lib/testing/program.ts';
import { BAL } from '../../lib/testing/root.ts';
import { version } from '../../lib/version.ts';

/** Returns a copy of the program with another version; `before` runs before it, as its first module. */
export function programOf(t: Owner, its: string, before = ''): string {
  const folder = workFolder(t);
  cpSync(dirname(BAL), folder, { recursive: true, filter: (path) => !path.endsWith('.map') });
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.js')) continue;
    const path = join(folder, name);
    const text = readFileSync(path, 'utf8');
    if (text.includes(`"${version}"`)) writeFileSync(path, text.replaceAll(`"${version}"`, `"${its}"`));
  }
  if (before === '') return join(folder, 'bal.js');
  writeFileSync(join(folder, 'odd.mjs'), `${before}\nawait import('./bal.js');\n`);
  return join(folder, 'odd.mjs');
}

/** Dies instead of sending a message of this kind. */
export const dies = (kind: string): string =>
  `const send = process.send?.bind(process);
   if (send !== undefined) process.send = (message, ...rest) =>
     message.kind === '${kind}' ? process.kill(process.pid, 'SIGKILL') : send(message, ...rest);`;
/** Dies when it gets a message of this kind, and does nothing about it. */
export const diesAt = (kind: string): string =>
  `process.on('message', (message) => {
     if (message?.kind === '${kind}') process.kill(process.pid, 'SIGKILL');
   });`;

// A copy of the program that a test may break and repair, like a faulty installation.
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { ROOT } from '../../lib/testing/root.ts';

export interface OwnProgram {
  /** Its bal.js. */
  readonly program: string;
  /** New workers exit at once. */
  readonly breakWorkers: () => void;
  /** New workers live but never say anything. */
  readonly muteWorkers: () => void;
  /** New workers run this script (an ES module) instead of their own, `whole`. */
  readonly replaceWorkers: (script: (whole: string) => string) => void;
  readonly repair: () => void;
}

export function ownProgram(t: Owner): OwnProgram {
  const folder = mkdtempSync(join(tmpdir(), 'bal-e2e-program-'));
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  const worker = join(folder, 'dist', 'worker.js');
  const whole = readFileSync(worker, 'utf8');
  const replace = (text: string): void => {
    // Atomically: a worker that starts now reads one or the other.
    writeFileSync(`${worker}.new`, text);
    renameSync(`${worker}.new`, worker);
  };
  return {
    program: join(folder, 'dist', 'bal.js'),
    breakWorkers: () => replace("throw new Error('this installation is broken');\n"),
    muteWorkers: () => replace('setInterval(() => undefined, 1000);\n'),
    replaceWorkers: (script) => replace(script(whole)),
    repair: () => replace(whole),
  };
}

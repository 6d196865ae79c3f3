// A copy of the program that a test may break and repair, as an installation that goes wrong would.
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { ROOT } from '../../lib/testing/root.ts';

export interface OwnProgram {
  /** Its bal.js. */
  readonly program: string;
  /** Every worker started from now on ends at once. */
  readonly breakWorkers: () => void;
  /** Every worker started from now on lives and never says anything. */
  readonly muteWorkers: () => void;
  /** Every worker started from now on runs this script (an ES module) in the place of its own; `whole` is its own. */
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
    // In one step: a worker that starts meanwhile reads the one or the other.
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

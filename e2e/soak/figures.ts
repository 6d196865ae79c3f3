// Results of long runs, kept beside the build until the reliability page is written from them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineName } from '../harness/engines.ts';
import { ROOT } from '../../lib/testing/root.ts';
import type { BesideRow } from './handover/beside-main.ts';
import type { FiguresRow } from './handover/figures-main.ts';
import type { StormReport } from './handover/storm.test.ts';
import { LONG } from './scale.ts';

const FOLDER = join(ROOT, '.build', 'soak-figures');

export interface StormFigures {
  readonly reloads: number;
  readonly visits: number;
  readonly perSecond: number;
  readonly streams: number;
  readonly streamedMib: number;
  readonly seconds: number;
  readonly slowestMs: number;
  readonly before: string;
  readonly after: string;
  readonly heap: string;
}

function file(engine: EngineName): string {
  return join(FOLDER, `reload-storm.${engine}.json`);
}

/** Ignores short runs, which measure nothing. */
export function keepStorm(engine: EngineName, figures: StormFigures): void {
  if (!LONG) return;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file(engine), JSON.stringify(figures));
}

/** Null if no long storm ran on this engine since the last build. */
export function stormOf(engine: EngineName): StormFigures | null {
  try {
    const figures: StormFigures = JSON.parse(readFileSync(file(engine), 'utf8'));
    return figures;
  } catch {
    return null;
  }
}

/** Results of programs that are started by hand. */
interface ByHand {
  readonly handover: readonly FiguresRow[];
  readonly 'handover-storm': StormReport;
  readonly beside: readonly BesideRow[];
}

export function keepFigures<Name extends keyof ByHand>(name: Name, figures: ByHand[Name]): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, `${name}.json`), JSON.stringify(figures));
}

/** Null if it was not measured since the last build. */
export function figuresOf<Name extends keyof ByHand>(name: Name): ByHand[Name] | null {
  try {
    const figures: ByHand[Name] = JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8'));
    return figures;
  } catch {
    return null;
  }
}

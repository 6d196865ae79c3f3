// Reads a configuration together with the files it includes.
import { realpath } from 'node:fs/promises';
import type { ReadResult } from '../read.ts';
import { MAX_SERVICES } from '../schema.ts';
import type { Environment } from '../variables.ts';
import { findFiles } from './find.ts';
import { createMerging } from './merge.ts';
import { isPattern, judgeInclude, patternsOf } from './pattern.ts';
import { isMap, readAlone, type Whole } from './whole.ts';

export type Read = (path: string) => Promise<ReadResult>;

/** Returns a text merged with the files it includes. Never throws for file contents or unreadable files. */
export async function readWhole(
  text: string,
  configPath: string,
  environment: Environment,
  read: Read,
): Promise<Whole> {
  const alone = readAlone(text, environment);
  const { data } = alone.source;
  if (!isMap(data) || !Object.hasOwn(data, 'include')) return alone;
  const value = data['include'];
  const patterns = judgeInclude(value) === null ? patternsOf(value, configPath) : [];
  const merging = createMerging(alone, configPath, environment);
  const real = await realpath(configPath).catch(() => configPath);
  for (const [i, pattern] of patterns.entries()) {
    const path = Array.isArray(value) ? ['include', i] : ['include'];
    const found = await findFiles(pattern, MAX_SERVICES);
    if (!found.ok) {
      merging.problem(path, found.message, found.hint);
      continue;
    }
    for (const file of found.files) {
      if (merging.has(file)) continue;
      if (file === configPath || (await realpath(file).catch(() => file)) === real) {
        merging.problem(
          path,
          'this file would include itself',
          'keep those that are included in a directory of their own',
        );
      } else if (merging.isFull()) {
        merging.problem(path, `expected at most ${MAX_SERVICES} files, as many as services`);
        break;
      } else merging.add(file, await read(file), { path, isNamed: !isPattern(pattern) });
    }
  }
  return merging.whole(patterns);
}

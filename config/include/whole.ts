// What was read of a configuration: a file and the files it includes.
import { createHash } from 'node:crypto';
import { expandShorthand } from '../shorthand.ts';
import type { Environment } from '../variables.ts';
import { MAX_TOKENS, readYaml, type Source } from '../yaml.ts';

export interface Whole {
  readonly source: Source;
  /** By path, '' for the main file; used for hints about lines. */
  readonly texts: ReadonlyMap<string, string>;
  /** The included files, absolute, in order; also those that cannot be read. */
  readonly included: readonly string[];
  /** Absolute. */
  readonly patterns: readonly string[];
  /** Equal for configurations with the same text in the same files. */
  readonly fingerprint: string;
}

/** Reads a text without the files it includes. */
export function readAlone(text: string, environment: Environment): Whole {
  const plain = text.replace(/^\ufeff/, '');
  const source = expandShorthand(readYaml(plain, environment, { tokens: MAX_TOKENS }));
  const texts = new Map([['', plain]]);
  return { source, texts, included: [], patterns: [], fingerprint: fingerprintOf([...texts]) };
}

/** Hashes the texts together with their files. */
export function fingerprintOf(parts: readonly (readonly [file: string, text: string])[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

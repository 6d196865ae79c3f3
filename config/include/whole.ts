// What was read of a configuration: a file, and those that it includes.
import { createHash } from 'node:crypto';
import { expandShorthand } from '../shorthand.ts';
import type { Environment } from '../variables.ts';
import { MAX_TOKENS, readYaml, type Source } from '../yaml.ts';

export interface Whole {
  readonly source: Source;
  /** By path, '' for the file itself: for hints about lines. */
  readonly texts: ReadonlyMap<string, string>;
  /** Those that were included, absolute, in their order; also such as cannot be read. */
  readonly included: readonly string[];
  /** Absolute. */
  readonly patterns: readonly string[];
  /** Two configurations with the same one say the same. */
  readonly fingerprint: string;
}

/** A text without those that it includes. */
export function readAlone(text: string, environment: Environment): Whole {
  const plain = text.replace(/^\ufeff/, '');
  const source = expandShorthand(readYaml(plain, environment, { tokens: MAX_TOKENS }));
  const texts = new Map([['', plain]]);
  return { source, texts, included: [], patterns: [], fingerprint: fingerprintOf([...texts]) };
}

/** Of what stands in which file. */
export function fingerprintOf(parts: readonly (readonly [file: string, text: string])[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

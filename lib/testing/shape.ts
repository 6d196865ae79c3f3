// Checks of keys that are promised. They must be there; additional keys are allowed.
import assert from 'node:assert/strict';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Parses stdout, which must be exactly one JSON document, as `--json` promises. */
export function onlyJson(stdout: string): { [key: string]: Json } {
  const value: Json = JSON.parse(stdout);
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), stdout);
  return value;
}

export function hasKeys(value: Json | undefined, keys: readonly string[], where: string): void {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `${where} is an object`);
  const missing = keys.filter((key) => !(key in value));
  assert.deepEqual(missing, [], `keys missing in ${where}`);
}

/** The value at a path of keys and indices. */
export function at(value: Json | undefined, ...path: readonly (string | number)[]): Json | undefined {
  let here = value;
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = Array.isArray(here) ? here[Number(step)] : here[step];
  }
  return here;
}

/** The text at a path; '' if there is none. */
export function textAt(value: Json | undefined, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** Splits text into words, for a list of keys. */
export function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

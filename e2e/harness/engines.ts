// Every scenario runs on both engines: what the contract promises holds on each.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ROOT } from '../../lib/testing/root.ts';

export type EngineName = 'js' | 'native';
export const ENGINES: readonly EngineName[] = ['js', 'native'];

/** Why an engine cannot be tested here, or null. */
export function missing(engine: EngineName): string | null {
  if (engine === 'js') return null;
  const platform = `${process.platform}-${process.arch}`;
  const folder = join(ROOT, 'dist', 'native');
  const found = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.node'))
    : [];
  return found.some((file) => file.includes(platform)) ? null : `dist/native has no addon for ${platform}`;
}

/**
 * Defines the test once for each engine. Where an engine, or something else the test needs (`lacking`), is missing, it is
 * skipped and its name says why.
 */
export function forEachEngine(
  title: string,
  body: (t: TestContext, engine: EngineName) => Promise<void>,
  lacking: string | null = null,
): void {
  for (const engine of ENGINES) forEngine(engine, title, body, lacking);
}

/**
 * For what the primary does, whatever moves its workers' bytes: once, on the js engine or the native one as its title falls; on
 * both with BAL_BOTH_ENGINES or in the long runs, as in `npm run e2e:soak`.
 */
export function forEitherEngine(
  title: string,
  body: (t: TestContext, engine: EngineName) => Promise<void>,
  lacking: string | null = null,
): void {
  const isLong = process.env['BAL_SOAK'] === 'long';
  if (isLong || process.env['BAL_BOTH_ENGINES'] !== undefined) return forEachEngine(title, body, lacking);
  const sum = Array.from(title).reduce((all, letter) => all + letter.charCodeAt(0), 0);
  const engine = ENGINES[sum % ENGINES.length] ?? 'js';
  forEngine(missing(engine) === null ? engine : 'js', title, body, lacking);
}

/** The same for one engine: for what the other does not promise. */
export function forEngine(
  engine: EngineName,
  title: string,
  body: (t: TestContext, engine: EngineName) => Promise<void>,
  lacking: string | null = null,
): void {
  const reason = lacking ?? missing(engine);
  if (reason === null) test(`${title} (${engine})`, (t) => body(t, engine));
  else test(`${title} (${engine}; skipped: ${reason})`, { skip: reason }, () => undefined);
}

// Runs every scenario on both engines: the contract holds for each.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ROOT } from '../../lib/testing/root.ts';

export type EngineName = 'js' | 'native';
export const ENGINES: readonly EngineName[] = ['js', 'native'];

/** Returns why an engine cannot be tested here, or null. */
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
 * Defines the test once per engine. If an engine or something else that the test needs (`lacking`) is missing, the test is
 * skipped, with the reason in its name.
 */
export function forEachEngine(
  title: string,
  body: (t: TestContext, engine: EngineName) => Promise<void>,
  lacking: string | null = null,
): void {
  for (const engine of ENGINES) forEngine(engine, title, body, lacking);
}

/**
 * For tests of the primary, which do not depend on the engine: defines the test once, on an engine chosen by its title. With
 * BAL_BOTH_ENGINES, or in the long runs as in `npm run e2e:soak`, on both.
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

/** The same for one engine: for promises that only this one makes. */
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

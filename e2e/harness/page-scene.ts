// Shared by the tests of the page: a bal with two backends and an admin page, and helpers to read the page.
import { test, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { type Bal, startBal } from '../harness.ts';
import { type Backend, backend } from './backend.ts';
import { echo } from './behaviours.ts';
import { noBrowser } from './browser.ts';
import { configFor } from './config.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { until } from '../../lib/testing/until.ts';

/** Defines a test for the file's browser; without one the test is skipped, and its name says so. */
export function inBrowser(
  browser: Browser | null,
  title: string,
  body: (t: TestContext, browser: Browser) => Promise<void>,
): void {
  const lacking = noBrowser() ?? 'no browser';
  if (browser !== null) test(title, (t) => body(t, browser));
  else test(`${title} (skipped: ${lacking})`, { skip: lacking }, () => undefined);
}

export interface Scene {
  readonly bal: Bal;
  readonly backends: readonly [Backend, Backend];
  readonly port: number;
  readonly url: string;
  readonly config: Record<string, unknown>;
}

export async function scene(t: TestContext, home?: string): Promise<Scene> {
  const backends = [await backend(t, echo), await backend(t, echo)] as const;
  const [port, admin] = [await freePort(), await freePort()];
  const config = configFor(port, backends, { admin: `127.0.0.1:${admin}` });
  const bal = await startBal(t, { config, ...(home !== undefined && { home }) });
  await bal.checked();
  return { bal, backends: [...backends], port, url: `http://127.0.0.1:${admin}/`, config };
}

/** Returns the table row with this name. */
export const rowOf = (page: Page, name: string) =>
  page.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });

/** Waits until an element shows matching text, and returns it. */
export async function shows(page: Page, selector: string, wanted: RegExp): Promise<string> {
  return until(`${selector} shows ${String(wanted)}`, async () => {
    const text = (await page.locator(selector).textContent()) ?? '';
    return wanted.test(text) ? text : null;
  });
}

// The distribution's browser, driven by a test, with a fresh profile. Records what a page must not do: complain in the console,
// throw, or contact any server but its own.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { find } from '../../lib/testing/program.ts';
import { ROOT } from '../../lib/testing/root.ts';

const PROGRAM = 'chromium';
// No background traffic. No sandbox: root has none, and the only page is ours.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Returns why no browser can run here, or null. */
export function noBrowser(): string | null {
  return find(PROGRAM) === null ? `${PROGRAM} not installed` : null;
}

export async function startBrowser(owner: Owner): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'bal-e2e-browser-'));
  atEnd(owner, () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const browser = await chromium.launch({
    executablePath: find(PROGRAM) ?? PROGRAM,
    headless: true,
    args: FLAGS,
    // For what it writes besides its profile, which is temporary too.
    env: { ...process.env, HOME: folder, TMPDIR: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder },
  });
  atEnd(owner, () => browser.close());
  return browser;
}

export interface Visit {
  readonly page: Page;
  /** Problems in the console and exceptions so far. */
  readonly complaints: readonly string[];
  /** Fails if the page complained or contacted another server. */
  readonly assertClean: () => void;
}

export interface Looks {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
}

/** Opens `url` and waits until the page shows live figures; `live: false` does not wait. */
export async function visitPage(
  t: Owner,
  browser: Browser,
  url: string,
  { width = 1200, height = 900, scheme = 'light', live = true }: Looks & { live?: boolean } = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, locale: 'en-GB' });
  atEnd(t, () => context.close());
  const complaints: string[] = [];
  const strangers: string[] = [];
  const page = await context.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  context.on('request', (request) => {
    const asked = request.url();
    if (!asked.startsWith(url) && !asked.startsWith('data:')) strangers.push(asked);
  });
  await page.goto(url);
  if (live) await page.locator('#link.connected').waitFor();
  return {
    page,
    complaints,
    assertClean() {
      assert.deepEqual(complaints, []);
      assert.deepEqual(strangers, []);
    },
  };
}

/** Saves a screenshot in BAL_TEST_PICTURES, else in a folder next to the compiled tests. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const folder = process.env['BAL_TEST_PICTURES'] ?? join(ROOT, '.build', 'pictures');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

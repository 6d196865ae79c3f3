// The page at `/` of the admin listener. Reads it once, from beside the bundle.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { Page } from '../../control/admin.ts';

let page: Page | null = null;

export function adminPage(): Page {
  page ??= readPage();
  return page;
}

function readPage(): Page {
  let html: string;
  try {
    html = readFileSync(new URL('./page.html', import.meta.url), 'utf8');
  } catch {
    html = '<!doctype html><title>bal</title><p>This installation has no page; see /status and /metrics.</p>';
  }
  return { html, policy: policyFor(html) };
}

/** Allows nothing but the page's own inline script and style, and requests to its own server. */
function policyFor(html: string): string {
  const hashes = (tag: string): string =>
    [...html.matchAll(new RegExp(`<${tag}[^>]*>([\\s\\S]*?)</${tag}>`, 'g'))]
      .map(([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`)
      .join(' ');
  return [
    "default-src 'none'",
    `script-src ${hashes('script') || "'none'"}`,
    `style-src ${hashes('style') || "'none'"}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

// Rewrites only the handover part of e2e/RELIABILITY.md: node .build/e2e/soak/handover/page-main.js
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../lib/testing/root.ts';
import { handoverSection } from './page.ts';

const file = join(ROOT, 'e2e', 'RELIABILITY.md');
const text = readFileSync(file, 'utf8');
const section = /^## Connections that are handed over\n[\s\S]*?(?=^## )/m;
const next = '## What else is proved, and where';
const written = section.test(text)
  ? text.replace(section, () => `${handoverSection()}\n`)
  : text.replace(next, () => `${handoverSection()}\n${next}`);
writeFileSync(file, written);

// Text on the page is readable in both colour schemes: contrast 4.5 to 1 at least (WCAG 2.2, 1.4.3), also while disconnected.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ROOT } from '../testing/root.ts';

type Rgb = readonly number[];

const CSS = readFileSync(join(ROOT, 'lib/page/page.css'), 'utf8');
const LEAST = 4.5;
const PAIRS = [
  ['text', 'back'],
  ['muted', 'back'],
  ['muted', 'card'],
  ['accent', 'back'],
  ['good', 'good-back'],
  ['odd', 'odd-back'],
  ['odd', 'card'],
  ['bad', 'bad-back'],
  ['bad', 'card'],
] as const;

/** The colours of the n-th `:root`: light, then dark. */
function colours(index: number): ReadonlyMap<string, Rgb> {
  const block = CSS.split(':root {')[index + 1]?.split('}')[0] ?? '';
  return new Map(
    [...block.matchAll(/--([\w-]+): #(\w\w)(\w\w)(\w\w);/g)].map(([, name = '', ...parts]) => [
      name,
      parts.map((part) => Number.parseInt(part, 16)),
    ]),
  );
}

/** Relative luminance of sRGB (WCAG 2.2). */
function luminance(colour: Rgb): number {
  const [r = 0, g = 0, b = 0] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: Rgb, b: Rgb): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

for (const [index, scheme] of ['light', 'dark'].entries()) {
  test(`text can be read, ${scheme}`, () => {
    const all = colours(index);
    const of = (name: string): Rgb => all.get(name) ?? assert.fail(`no colour ${name}`);
    const [, grey = '', opacity = ''] =
      /\.lost main \{\s*filter: grayscale\(([\d.]+)\);\s*opacity: ([\d.]+);/.exec(CSS) ?? assert.fail('no .lost main');
    const faded = (colour: Rgb): Rgb => {
      const [r = 0, g = 0, b = 0] = colour;
      const whole = 0.2126 * r + 0.7152 * g + 0.0722 * b;
      return colour.map((value, i) => {
        const drained = value * (1 - Number(grey)) + whole * Number(grey);
        return drained * Number(opacity) + (of('back')[i] ?? 0) * (1 - Number(opacity));
      });
    };
    for (const [text, back] of PAIRS) {
      for (const look of [(colour: Rgb) => colour, faded]) {
        const found = contrast(look(of(text)), look(of(back)));
        assert.ok(found >= LEAST, `${text} on ${back}: ${found.toFixed(2)}`);
      }
    }
  });
}

// Detects whose configuration it is by its form: HAProxy's has sections and no line terminators, nginx's has braces and
// semicolons.
import { isSectionStart } from './haproxy/language/sections.ts';

export type Language = 'haproxy' | 'nginx';

const MAX_LINES = 5000;

/** Null: neither. */
export function languageOf(text: string): Language | null {
  let [sections, marks, lines] = [0, 0, 0];
  for (const raw of text.split('\n', MAX_LINES)) {
    const line = raw.replace(/(^|\s)#.*$/, '').trim();
    if (line === '') continue;
    lines++;
    if (/[;{}]$/.test(line)) marks++;
    else if (isSectionStart(line.split(/\s/, 1)[0] ?? '')) sections++;
  }
  if (sections > 0 && marks * 2 < lines) return 'haproxy';
  return marks > 0 && marks * 3 >= lines ? 'nginx' : null;
}

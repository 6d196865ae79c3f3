// Fills the generated part of config/README.md, between `<!-- generated: config -->` and `<!-- end -->`.
import { renderReference, type Language } from './reference.ts';

const PART = /(<!-- generated: config -->\n)[\s\S]*?(<!-- end -->)/;

/** Returns the text with the reference of the current schema. */
export function withReference(text: string, language: Language): string {
  if (!PART.test(text)) throw new Error('Cannot find the generated part: no "<!-- generated: config -->" in the text');
  return text.replace(PART, (_all, begin: string, end: string) => `${begin}\n${renderReference(language)}\n\n${end}`);
}

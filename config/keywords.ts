// Keywords of the schema beside those of JSON Schema:
//   ko           the description in Korean
//   tuned        the default for ≤ 2, ≤ 5 and more backends; overlaid in tune.ts
//   defaultText  a default that is computed, in words
//   judge        a closer look at a text, with a message of its own
//   judgeList    the same for a list, where a text and a list may stand
//   least        keys of which an entry has to have some, for a hint
//   obsolete     accepted, without effect
//   names        what the names of a free map look like, in words
//   typeText     what kind of value it is, where the schema does not say
import * as Type from 'typebox';
import type { Complaint } from './host.ts';

/** A map without other keys. */
export const CLOSED = { additionalProperties: false } as const;

/** A key's description, in English and Korean. */
export function words(description: string, ko: string): { description: string; ko: string } {
  return { description, ko };
}

/** A string that `judge` must accept. */
export function judged(judge: (text: string) => Complaint | null, options: Type.TStringOptions) {
  const check = (value: unknown) => typeof value !== 'string' || judge(value) === null;
  return Type.Refine(Type.String({ judge, ...options }), check);
}

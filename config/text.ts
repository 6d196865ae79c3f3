// Lines of a text, found from an offset within them.

/** What stands before it on its line. */
export function headOf(text: string, offset: number): string {
  return text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
}

/** Where the next line begins; the end of the text where there is none. */
export function lineEnd(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end + 1;
}

/** Nothing but a comment comes after it on its line. */
export function atEndOfLine(text: string, offset: number): boolean {
  return /^[ \t]*(#.*)?$/.test(text.slice(offset, lineEnd(text, offset)).trimEnd());
}

export function isBlank(text: string): boolean {
  return /^[ \t]*$/.test(text);
}

/** The comma between two parts in brackets, with the space around it, as it is written there. */
export function separatorBefore(text: string, from: number, before: number): string {
  const between = text.slice(before, from);
  return /^\s*,\s*$/.test(between) ? between : ', ';
}

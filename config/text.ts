// Finds lines of a text by an offset within them.

/** Returns the part of the line before the offset. */
export function headOf(text: string, offset: number): string {
  return text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
}

/** Returns the start of the next line, or the end of the text. */
export function lineEnd(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end + 1;
}

/** Whether only a comment follows on the line. */
export function atEndOfLine(text: string, offset: number): boolean {
  return /^[ \t]*(#.*)?$/.test(text.slice(offset, lineEnd(text, offset)).trimEnd());
}

export function isBlank(text: string): boolean {
  return /^[ \t]*$/.test(text);
}

/** Returns the comma between two flow items with its surrounding space, as written there. */
export function separatorBefore(text: string, from: number, before: number): string {
  const between = text.slice(before, from);
  return /^\s*,\s*$/.test(between) ? between : ', ';
}

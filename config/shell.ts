// Quoting of text that an operator may paste into a shell.

/** Returns `text` as one word of a POSIX shell. */
export function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

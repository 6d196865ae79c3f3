// Parses Markdown as far as our own files need it: headings, fenced blocks and tables.

export interface Block {
  readonly language: string;
  readonly text: string;
  /** Number of its first line of text, from 1. */
  readonly line: number;
  /** The text of a comment `<!-- test: … -->` right above it; null: none. */
  readonly note: string | null;
}

/** A table's rows, without its title row; cells are trimmed. */
export type Rows = readonly (readonly string[])[];

export interface Section {
  /** 1 for `#`. */
  readonly level: number;
  readonly title: string;
  /** Up to the next heading of any level. */
  readonly tables: readonly Rows[];
}

export function blocksOf(text: string): Block[] {
  const found: Block[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const fence = /^(`{3,})(\w*)/.exec(lines[i] ?? '');
    if (fence === null) continue;
    const end = lines.indexOf(fence[1] ?? '', i + 1);
    if (end === -1) throw new Error(`Cannot find the end of the block in line ${i + 1}`);
    const above = lines.slice(0, i).findLast((line) => line !== '') ?? '';
    const note = /^<!-- test: (.*) -->$/.exec(above)?.[1] ?? null;
    found.push({ language: fence[2] ?? '', text: lines.slice(i + 1, end).join('\n'), line: i + 2, note });
    i = end;
  }
  return found;
}

export function sectionsOf(text: string): Section[] {
  const sections: { level: number; title: string; tables: string[][][] }[] = [];
  let fenced = false;
  let before = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) fenced = !fenced;
    const heading = fenced ? null : /^(#+) (.*)$/.exec(line);
    if (heading !== null) sections.push({ level: heading[1]?.length ?? 0, title: heading[2] ?? '', tables: [] });
    const tables = sections.at(-1)?.tables;
    if (!fenced && line.startsWith('|') && tables !== undefined) {
      if (!before.startsWith('|')) tables.push([]);
      tables.at(-1)?.push(cellsOf(line));
    }
    before = line;
  }
  // Drop the title row and the line of dashes.
  return sections.map((section) => ({ ...section, tables: section.tables.map((rows) => rows.slice(2)) }));
}

function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** Returns the words in backquotes outside fenced blocks. */
export function codeIn(text: string): string[] {
  const prose = text.replaceAll(/^(`{3,})[\s\S]*?^\1$/gm, '');
  return Array.from(prose.matchAll(/`([^`]+)`/g), ([, word = '']) => word);
}

/** Returns the targets of links, except to other sites. */
export function linksIn(text: string): string[] {
  return Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target).filter(
    (target) => !/^[a-z]+:/.test(target),
  );
}

/** Returns a heading's anchor, as GitHub generates it. */
export function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
}

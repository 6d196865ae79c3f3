// Copies parts of RESULTS.md verbatim into pages. lib/engine/README.md gets date, machine, noise and the table at a glance,
// between `<!-- generated: bench -->` and `<!-- end -->`. The READMEs get date, machine and a few rows of that table, between
// `<!-- generated: bench in brief -->` and `<!-- end -->`.

const FACTS = ['- Date:', '- Machine:', '- Commit:', '- Other programs'];
const FACTS_IN_BRIEF = ['- Date:', '- Machine:'];
/** Case and figure as in the table; bal's strong and weak points. */
const ROWS_IN_BRIEF = [
  ['conn-fin', 'CPU'],
  ['rr-64', 'CPU'],
  ['rr-64', 'p99'],
  ['stream-1', 'CPU'],
  ['idle', 'MiB'],
  ['idle', 'KiB'],
] as const;

/** `results`: the text of RESULTS.md; null: no results, so the part is left empty. */
export function withGlance(page: string, results: string | null): string {
  return filled(page, 'bench', results && shown(results, FACTS, () => true));
}

export function withBrief(page: string, results: string | null): string {
  return filled(page, 'bench in brief', results && shown(results, FACTS_IN_BRIEF, isInBrief));
}

function isInBrief(row: string): boolean {
  const [, name, figure = ''] = row.split('|').map((cell) => cell.trim());
  return ROWS_IN_BRIEF.some(([case_, start]) => name === case_ && figure.startsWith(start));
}

function filled(page: string, part: string, text: string | null): string {
  const pattern = new RegExp(`(<!-- generated: ${part} -->\\n)[\\s\\S]*?(<!-- end -->)`);
  if (!pattern.test(page))
    throw new Error(`Cannot find the generated part: no "<!-- generated: ${part} -->" in the text`);
  const inner = text === null ? '' : `\n${text}\n\n`;
  return page.replace(pattern, (_all, begin: string, end: string) => `${begin}${inner}${end}`);
}

/** Returns the facts, and the head and the wanted rows of the table at a glance. */
function shown(results: string, facts: readonly string[], isWanted: (row: string) => boolean): string {
  const lines = results.split('\n');
  const found = facts.flatMap((fact) => lines.find((line) => line.startsWith(fact)) ?? []);
  const section = results.split(/^## /m).find((text) => text.startsWith('At a glance\n')) ?? '';
  const [title, dashes, ...rows] = section.split('\n').filter((line) => line.startsWith('|'));
  const wanted = rows.filter(isWanted);
  if (found.length < facts.length || title === undefined || dashes === undefined || wanted.length === 0)
    throw new Error('Cannot find the facts and the table in RESULTS.md');
  return `${found.join('\n')}\n\n${[title, dashes, ...wanted].join('\n')}`;
}

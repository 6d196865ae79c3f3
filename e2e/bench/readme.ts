// What the READMEs show of RESULTS.md, word for word: when and where it was measured, how quiet it was, and the table at a
// glance. Between `<!-- generated: bench -->` and `<!-- end -->`.

const PART = /(<!-- generated: bench -->\n)[\s\S]*?(<!-- end -->)/;
const FACTS = ['- Date:', '- Machine:', '- Commit:', '- Other programs'];

/** `results` is the text of RESULTS.md; null: nothing was measured, so nothing is shown. */
export function withGlance(readme: string, results: string | null): string {
  if (!PART.test(readme)) throw new Error('Cannot find the generated part: no "<!-- generated: bench -->" in the text');
  const shown = results === null ? '' : `\n${glanceOf(results)}\n\n`;
  return readme.replace(PART, (_all, begin: string, end: string) => `${begin}${shown}${end}`);
}

function glanceOf(results: string): string {
  const lines = results.split('\n');
  const facts = FACTS.flatMap((fact) => lines.find((line) => line.startsWith(fact)) ?? []);
  const section = results.split(/^## /m).find((text) => text.startsWith('At a glance\n')) ?? '';
  const table = section.split('\n').filter((line) => line.startsWith('|'));
  if (facts.length < FACTS.length || table.length < 3)
    throw new Error('Cannot find the facts and the table in RESULTS.md');
  return `${facts.join('\n')}\n\n${table.join('\n')}`;
}

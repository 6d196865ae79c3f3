// Builds dist/page.html from lib/page/: one self-contained file with inline style and script.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Builds the page. Returns its sources, relative to `root`, as esbuild names them. */
export async function buildPage(build, root, dist) {
  const folder = join(root, 'lib', 'page');
  const common = {
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    logLevel: 'warning',
    legalComments: 'none',
    absWorkingDir: root,
    platform: 'browser',
    target: ['chrome110', 'firefox115', 'safari16.4'],
    tsconfig: join(folder, 'tsconfig.json'),
  };
  const inputs = [];
  let html = readFileSync(join(folder, 'page.html'), 'utf8');
  for (const tag of ['style', 'script']) {
    const mark = new RegExp(`<${tag} data-inline="([^"]+)"></${tag}>`);
    const entry = mark.exec(html)?.[1];
    if (entry === undefined) throw new Error(`Cannot find where the ${tag} of the page belongs`);
    const result = await build({ ...common, format: 'iife', entryPoints: [join(folder, entry)] });
    const text = result.outputFiles[0].text.trim();
    // Use a function: in a replacement string, `$&` and the like in the code would be special.
    html = html.replace(mark, () => `<${tag}>${text}</${tag}>`);
    inputs.push(...Object.keys(result.metafile.inputs));
  }
  const licence = readFileSync(join(root, 'node_modules', 'uplot', 'LICENSE'), 'utf8').trim();
  writeFileSync(
    join(dist, 'page.html'),
    html.replace('<html', () => `<!--\nThe charts are drawn by uPlot.\n\n${licence}\n-->\n<html`),
  );
  return inputs;
}

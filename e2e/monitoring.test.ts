// The Prometheus and Grafana files for operators fit the shipped bal: they are valid, use no metric or label that bal does not
// have, and the alerts fire.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parse, stringify } from 'yaml';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { labelsByMetric } from './harness/exposition.ts';
import { freePort } from '../lib/testing/ports.ts';
import { lacking, run, workFolder } from '../lib/testing/program.ts';
import { ROOT } from '../lib/testing/root.ts';

const SAMPLE = join(ROOT, 'sample');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

function rules(): Rule[] {
  const { groups }: { groups: { rules: Rule[] }[] } = parse(readFileSync(join(SAMPLE, 'bal.rules.yml'), 'utf8'));
  return groups.flatMap((group) => group.rules);
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

const dashboard: Dashboard = JSON.parse(readFileSync(join(SAMPLE, 'grafana-dashboard.json'), 'utf8'));
const targets = dashboard.panels.flatMap((panel) => panel.targets ?? []);

/** The dashboard's queries in the form that Prometheus gets. */
const queries = [...targets, ...dashboard.annotations.list].map(({ expr }) =>
  expr.replaceAll('$__rate_interval', '5m').replaceAll(/"\$\w+"/g, '".*"'),
);

const metricsIn = (expr: string): string[] => expr.match(/\bbal_\w+/g) ?? [];

/** Returns the labels that an expression selects or groups by, or that a text mentions. */
function labelsIn(text: string): string[] {
  const selected = Array.from(text.matchAll(/\{([^}]*)\}/g), ([, inside = '']) =>
    Array.from(inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g), ([, label = '']) => label),
  );
  const grouped = Array.from(text.matchAll(/\b(?:by|without|on)\s*\(([^)]*)\)/g), ([, list = '']) =>
    list.split(',').map((label) => label.trim()),
  );
  const reported = Array.from(
    text.matchAll(/\$labels\.(\w+)|\{\{(\w+)\}\}/g),
    ([, alert, legend]) => alert ?? legend ?? '',
  );
  return [...selected.flat(), ...grouped.flat(), ...reported];
}

/** Labels that Prometheus adds to every series. */
const ADDED = ['job', 'instance'];

const noPromtool = lacking('promtool');
function withPromtool(title: string, body: (t: TestContext) => Promise<void>): void {
  test(noPromtool === null ? title : `${title} (skipped: ${noPromtool})`, { skip: noPromtool ?? false }, body);
}

/** Runs promtool on copies of the files, which it can read as any user. */
async function accepts(t: TestContext, folder: 'sample' | 'e2e', ...args: readonly string[]): Promise<void> {
  const copy = workFolder(t);
  for (const name of ['sample', 'e2e']) {
    mkdirSync(join(copy, name));
    for (const file of readdirSync(join(ROOT, name)).filter((file) => file.endsWith('.yml'))) {
      cpSync(join(ROOT, name, file), join(copy, name, file));
    }
  }
  const { code, stdout, stderr } = await run('promtool', args, { cwd: join(copy, folder) });
  assert.equal(code, 0, `${stdout.toString()}${stderr}`);
}

withPromtool('the scrape configuration and the alerts are valid', async (t) => {
  await accepts(t, 'sample', 'check', 'config', 'prometheus.yml');
  await accepts(t, 'sample', 'check', 'rules', 'bal.rules.yml');
});

withPromtool('every alert fires when it should, and none when all is well', async (t) => {
  await accepts(t, 'e2e', 'test', 'rules', 'monitoring.rules.yml');
  const played = readFileSync(join(ROOT, 'e2e', 'monitoring.rules.yml'), 'utf8');
  for (const { alert } of rules()) assert.ok(played.includes(`alertname="${alert}"`), `${alert} is played`);
});

withPromtool("the dashboard's queries are PromQL", async (t) => {
  const folder = workFolder(t);
  const file = join(folder, 'queries.yml');
  const recorded = queries.map((expr, i) => ({ record: `dashboard:query:${i}`, expr }));
  writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules: recorded }] }));
  const { code, stdout, stderr } = await run('promtool', ['check', 'rules', file]);
  assert.equal(code, 0, `${stdout.toString()}${stderr}`);
});

test('alerts and dashboard name only metrics and labels that a running bal has, and the dashboard all of them', async (t) => {
  const target = await backend(t, echo);
  const admin = await freePort();
  const bal = await startBal(t, {
    config: configFor(await freePort(), [target], {
      admin: `127.0.0.1:${admin}`,
      backends: [{ host: 'localhost', port: target.port, discover: 'all' }],
    }),
  });
  await bal.checked();
  const known = labelsByMetric(await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text());
  const wrong: string[] = [];
  const check = (what: string, expr: string, texts: readonly string[] = []): void => {
    const names = metricsIn(expr);
    const labels = new Set([...ADDED, ...names.flatMap((name) => known.get(name) ?? [])]);
    for (const name of names) if (!known.has(name)) wrong.push(`${what}: bal has no ${name}`);
    for (const label of [expr, ...texts].flatMap(labelsIn)) {
      if (!labels.has(label)) wrong.push(`${what}: no metric there has the label ${label}`);
    }
  };
  for (const { alert, expr, annotations } of rules()) check(alert, expr, Object.values(annotations));
  for (const { title, targets = [] } of dashboard.panels) {
    for (const { expr, legendFormat = '' } of targets) check(title, expr, [legendFormat]);
  }
  for (const { name, query } of dashboard.templating.list) check(`variable ${name}`, JSON.stringify(query));
  for (const { expr } of dashboard.annotations.list) check('annotation', expr);
  assert.deepEqual(wrong, []);

  const shown = new Set(queries.flatMap(metricsIn).map((name) => name.replace(/_(bucket|sum|count)$/, '')));
  const families = [...known.keys()].map((name) => name.replace(/_(bucket|sum|count)$/, ''));
  assert.deepEqual(new Set(shown), new Set(families));
});

test('each alert says how severe it is, and the three things that bal always says', () => {
  for (const { alert, labels, annotations } of rules()) {
    assert.match(labels['severity'] ?? '', /^(critical|warning)$/, alert);
    assert.deepEqual(Object.keys(annotations), ['what_happened', 'why_likely', 'do_this_now'], alert);
  }
});

test('no two panels of the dashboard share an id or a place', () => {
  const ids = dashboard.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const places = dashboard.panels.flatMap(({ gridPos: { x, y, w, h }, title }) => {
    assert.ok(x + w <= 24, title);
    return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
  });
  assert.equal(new Set(places).size, places.length);
});

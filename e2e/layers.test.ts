// Imports point one way. Checked in the sources: each file's imports, direct and transitive.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../lib/testing/root.ts';

interface Import {
  /** As written: `node:net`, `yaml`, `../paths.ts`. */
  readonly to: string;
  /** Erased by the compiler. */
  readonly typeOnly: boolean;
  /** `import()`: loaded only when needed. */
  readonly lazy: boolean;
}

/** Returns the text without comments. Strings stay, so one that looks like a comment hides nothing. */
function withoutComments(source: string): string {
  const stringOrComment = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replaceAll(stringOrComment, (_all, string: string | undefined) => string ?? ' ');
}

function importsOf(source: string): Import[] {
  const text = withoutComments(source);
  const fixed = /^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"\n]+)['"]/gm;
  const lazy = /\bimport\(\s*['"]([^'"\n]+)['"]/g;
  return [
    ...Array.from(text.matchAll(fixed), (m) => ({ to: m[2] ?? '', typeOnly: m[1] !== undefined, lazy: false })),
    ...Array.from(text.matchAll(lazy), (m) => ({ to: m[1] ?? '', typeOnly: false, lazy: true })),
  ];
}

function sourcesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

const TESTING = 'lib/testing/';
const isOfTests = (file: string): boolean => file.endsWith('.test.ts') || file.startsWith(TESTING);

/** Every source file of the product (tests may import anything) → its imports; our own as paths from the root. */
const graph = new Map(
  ['bin', 'config', 'lib']
    .flatMap(sourcesBelow)
    .filter((file) => !isOfTests(file))
    .map((file) => {
      const imports = importsOf(readFileSync(join(ROOT, file), 'utf8'));
      const own = (to: string): string => (to.startsWith('.') ? join(dirname(file), to) : to);
      return [file, imports.map(({ to, typeOnly, lazy }) => ({ to: own(to), typeOnly, lazy }))] as const;
    }),
);
const files = [...graph.keys()];

function isOurs(to: string): boolean {
  return /^(bin|config|lib|sample|e2e)\//.test(to);
}
function isBuiltIn(to: string): boolean {
  return to.startsWith('node:');
}

/** Returns everything that loading `from` loads: packages, built-ins and files. `import()`s count only with `lazyToo`. */
function loadedBy(from: string, lazyToo: boolean, seen = new Set<string>()): Set<string> {
  for (const { to, typeOnly, lazy } of graph.get(from) ?? []) {
    if (typeOnly || (lazy && !lazyToo) || seen.has(to)) continue;
    seen.add(to);
    loadedBy(to, lazyToo, seen);
  }
  return seen;
}

/** Returns `file → import` for every import in files below `from` that `allowed` rejects. */
function breaches(from: string, allowed: (to: string) => boolean): string[] {
  return files
    .filter((file) => file.startsWith(from))
    .flatMap((file) => (graph.get(file) ?? []).filter(({ to }) => !allowed(to)).map(({ to }) => `${file} → ${to}`));
}
const below =
  (...folders: string[]) =>
  (to: string): boolean =>
    folders.some((folder) => to.startsWith(folder));

test('the reader of imports sees each form, and none in comments and strings', () => {
  const source = `
    import a, { b } from './a.ts';
    import type { C } from './c.ts';
    import {
      d,
    } from "./d.ts";
    import './e.ts';
    export { f } from './f.ts';
    export type { G } from './g.ts';
    // import h from './h.ts';
    /* import i from './i.ts'; */
    const j = 'bin/**/*.ts', k = "import l from './l.ts'";
    const m = await import('./m.ts');
    export const n = 1; const from = './o.ts';
  `;
  assert.deepEqual(
    importsOf(source).map(({ to, typeOnly, lazy }) => `${to}${typeOnly ? ' type' : ''}${lazy ? ' lazy' : ''}`),
    ['./a.ts', './c.ts type', './d.ts', './e.ts', './f.ts', './g.ts type', './m.ts lazy'],
  );
});

test('every import of ours names a file that exists', () => {
  assert.ok(files.length > 5, 'there are sources to look at');
  const all = files.flatMap((file) => (graph.get(file) ?? []).map(({ to }) => ({ file, to })));
  const lost = all.filter(({ to }) => (isOurs(to) || to.startsWith('..')) && !graph.has(to));
  assert.deepEqual(lost, []);
});

test('config imports nothing of ours', () => {
  assert.deepEqual(
    breaches('config/', (to) => !isOurs(to) || below('config/')(to)),
    [],
  );
});

test('bin imports the command line only', () => {
  assert.deepEqual(
    breaches('bin/', (to) => isBuiltIn(to) || below('lib/cli/')(to)),
    [],
  );
});

test('nothing in lib imports e2e, sample or bin, nor what is there for tests only', () => {
  assert.deepEqual(
    breaches('lib/', (to) => !below('e2e/', 'sample/', 'bin/', TESTING)(to)),
    [],
  );
});

test('what unit tests share lies below the end-to-end tests', () => {
  const unitTests = ['config', 'lib'].flatMap(sourcesBelow).filter(isOfTests);
  assert.ok(unitTests.length > 50);
  const upward = unitTests.flatMap((file) =>
    importsOf(readFileSync(join(ROOT, file), 'utf8'))
      .filter(({ to }) => to.startsWith('.') && below('e2e/')(join(dirname(file), to)))
      .map(({ to }) => `${file} → ${to}`),
  );
  assert.deepEqual(upward, []);
});

// From the bottom up. Type imports count too: they are a dependency on that room. A file may be its own room.
const ROOMS = {
  'lib/primary/': [
    'registry.ts',
    'phase.ts',
    'init',
    'log',
    'scoreboard',

    'workers',
    'handovers',
    'listen',
    'limits',
    'stats',
    'evenness',
    'upstream/discovery/query',
    'upstream/discovery',
    'upstream/health/question',
    'upstream/health',
    'upstream',
    'snapshot',
    'live',
    'reload',
    'upgrade',
    'watch',
    'views',
    '.',
  ],
  'lib/worker/': ['connections.ts', 'routing', 'admission', 'balance/methods', 'balance', 'report', 'handover', '.'],
};

for (const [house, rooms] of Object.entries(ROOMS)) {
  const roomOf = (file: string): number => {
    const own = rooms.indexOf(relative(house, file));
    return own === -1 ? rooms.indexOf(relative(house, dirname(file)) || '.') : own;
  };

  test(`every file of ${house} lies in a room that is named here, and imports only from rooms below`, () => {
    const inside = files.filter((file) => file.startsWith(house));
    assert.deepEqual(
      inside.filter((file) => roomOf(file) === -1),
      [],
    );
    assert.deepEqual(
      rooms.filter((_, room) => !inside.some((file) => roomOf(file) === room)),
      [],
      'empty rooms',
    );
    assert.deepEqual(
      inside.flatMap((file) => breaches(file, (to) => !to.startsWith(house) || roomOf(to) <= roomOf(file))),
      [],
    );
  });

  test(`no room of ${house} is a hall`, () => {
    const sizes = rooms.map(
      (_, room) => files.filter((file) => file.startsWith(house) && roomOf(file) === room).length,
    );
    assert.ok(Math.max(...sizes) <= 12, String(sizes));
  });
}

test('primary and worker never reach each other, and neither reaches the command line', () => {
  for (const [from, never] of [
    ['lib/primary/', ['lib/worker/', 'lib/cli/']],
    ['lib/worker/', ['lib/primary/', 'lib/cli/', 'lib/control/']],
  ] as const) {
    const starts = files.filter((file) => file.startsWith(from));
    const reached = starts.flatMap((file) => [...loadedBy(file, true)].filter(below(...never)).map((to) => [file, to]));
    assert.deepEqual(reached, []);
  }
});

test('an engine knows neither worker nor primary nor the messages between them', () => {
  assert.deepEqual(
    breaches('lib/engine/', (to) => !below('lib/worker/', 'lib/primary/', 'lib/cli/', 'lib/control/', 'lib/ipc/')(to)),
    [],
  );
});

test('the seams between processes depend on no side of them', () => {
  const sides = below('lib/primary/', 'lib/worker/', 'lib/cli/');
  for (const seam of ['lib/ipc/', 'lib/control/', 'lib/view/'])
    assert.deepEqual(
      breaches(seam, (to) => !sides(to)),
      [],
    );
});

test('the command line reaches the primary, the control client and config, never a worker or an engine by itself', () => {
  assert.deepEqual(
    breaches('lib/cli/', (to) => !below('lib/worker/', 'lib/engine/js', 'lib/control/server')(to)),
    [],
  );
});

test('what imports foreign configurations knows the configuration only, and only the command line knows it', () => {
  assert.deepEqual(
    breaches('lib/import/', (to) => isBuiltIn(to) || below('lib/import/', 'config/')(to)),
    [],
  );
  assert.deepEqual(
    breaches('', (to) => !to.startsWith('lib/import/')).filter((breach) => !/^lib\/(cli|import)\//.test(breach)),
    [],
  );
  for (const room of ['haproxy', 'nginx']) {
    const other = room === 'nginx' ? 'haproxy' : 'nginx';
    assert.deepEqual(
      breaches(`lib/import/${room}/`, (to) => !to.startsWith(`lib/import/${other}/`)),
      [],
    );
  }
});

test('a worker loads only node: modules and our own code', () => {
  const foreign = files
    .filter((file) => file.startsWith('lib/worker/') || file.startsWith('lib/engine/'))
    .flatMap((file) => [...loadedBy(file, true)].filter((to) => !isBuiltIn(to) && !isOurs(to)).map((to) => [file, to]));
  assert.deepEqual(foreign, []);
});

test('the page loads nothing that a browser lacks, and nobody loads the page', () => {
  const page = files.filter((file) => file.startsWith('lib/page/'));
  const loaded = new Set(page.flatMap((file) => [...loadedBy(file, true)]));
  assert.deepEqual(
    [...loaded].filter((to) => !isOurs(to)),
    ['uplot'],
  );
  assert.deepEqual(
    breaches('', (to) => !to.startsWith('lib/page/')).filter((breach) => !breach.startsWith('lib/page/')),
    [],
  );
});

test('only four packages are used at run time', () => {
  // The page is bundled with its dependencies.
  const running = files.filter((file) => !file.startsWith('lib/page/'));
  const used = new Set(running.flatMap((file) => (graph.get(file) ?? []).map(({ to }) => to)));
  const packages = [...used].filter((to) => !isOurs(to) && !isBuiltIn(to));
  const names = packages.map((to) =>
    to
      .split('/')
      .slice(0, to.startsWith('@') ? 2 : 1)
      .join('/'),
  );
  const known = new Set(['cac', 'pino', 'typebox', 'yaml']);
  assert.deepEqual(
    names.filter((name) => !known.has(name)),
    [],
  );
});

test('a command loads what is expensive only when it needs it', () => {
  const expensive = /^(typebox|yaml|pino)(\/|$)/;
  for (const start of files.filter((file) => file.startsWith('bin/'))) {
    assert.deepEqual(
      [...loadedBy(start, false)].filter((to) => expensive.test(to)),
      [],
      start,
    );
  }
});

// Type imports may be circular: they do not exist at run time.
test('no imports go in a circle', () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const { to, typeOnly } of graph.get(file) ?? []) if (!typeOnly && graph.has(to)) walk(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
  assert.deepEqual(circles, []);
});

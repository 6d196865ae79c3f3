import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig, type Loaded } from './load.ts';
import { ANY_MACHINE } from './machine.ts';
import { formatProblem } from './problem.ts';
import { fillIn, plainValue, type Environment } from './variables.ts';

const ENVIRONMENT = { PORT: '9000', HOST: 'db.example.com', EMPTY: '', BAD: 'a\u0007b', LONG: 'x'.repeat(3000) };

function filled(text: string): string {
  const { text: result, faults } = fillIn(text, ENVIRONMENT);
  assert.deepEqual(faults, []);
  return result;
}

function faultOf(text: string): string | undefined {
  return fillIn(text, ENVIRONMENT).faults[0]?.message;
}

function load(text: string, environment: Environment = ENVIRONMENT): Loaded {
  return parseConfig(text, 'c.yaml', { ...ANY_MACHINE, environment });
}

function errorsOf(text: string): string[] {
  return load(text).errors.map((problem) => formatProblem(problem, 'c.yaml'));
}

test('a variable is filled in, with a default where it is empty or not set, and two dollars are one', () => {
  assert.equal(filled('${HOST}:${PORT}'), 'db.example.com:9000');
  assert.equal(filled('${NONE:-a b}${EMPTY:-c}${HOST:-d}${NONE:-}'), 'a bcdb.example.com');
  assert.equal(filled('${EMPTY}'), '');
  assert.equal(filled('$${HOST} $$$$ $HOST $'), '${HOST} $$ $HOST $');
  assert.equal(fillIn('${A}', { A: '${B}$$' }).text, '${B}$$', 'what a variable holds is taken as it is');
});

test('what is no variable, not set, too long or no text is a fault', () => {
  assert.equal(faultOf('x${NONE}'), 'the variable NONE is not set');
  for (const text of ['${', '${}', '${1A}', '${A', '${A-b}', '${A:?b}', '${A B}']) {
    assert.match(faultOf(text) ?? '', /is no variable$/, text);
  }
  assert.equal(faultOf('${BAD}'), 'the variable BAD holds a control character');
  assert.equal(faultOf('${LONG}${LONG}'), 'the variable LONG is too long');
  assert.equal(faultOf('${toString}'), 'the variable toString is not set');
});

test('a value without quotes becomes what it looks like', () => {
  for (const [text, value] of [
    ['9000', 9000],
    ['-1', -1],
    ['true', true],
    ['false', false],
    ['', ''],
    ['010', '010'],
    ['1e3', '1e3'],
    ['yes', 'yes'],
  ] as const) {
    assert.equal(plainValue(text), value);
  }
});

test('a configuration has variables in its values: numbers, times, lists, short forms, comments not', () => {
  const text = `# \${NONE}
port: \${LISTEN:-9295}
backends:
  - host: \${HOST}
    port: \${PORT}
  - "\${HOST}:9001"
runtime:
  drain_timeout_ms: \${DRAIN:-30s}
`;
  const { plan, errors, effective } = load(text);
  assert.deepEqual(errors, []);
  assert.equal(plan?.services[0]?.port, 9295);
  assert.deepEqual(
    plan.services[0].backends.map(({ address }) => address),
    ['db.example.com:9000', 'db.example.com:9001'],
  );
  assert.equal(plan.services[0].runtime.drainMs, 30_000);
  assert.deepEqual(
    effective.find(({ path }) => path.endsWith('backends[0].host')),
    {
      path: effective.find(({ path }) => path.endsWith('backends[0].host'))?.path,
      value: 'db.example.com',
      origin: 'file:4',
    },
  );
});

test('an error names line, column and variable, once; keys are left as they are', () => {
  assert.deepEqual(errorsOf('port: ${NONE}\nbackends:\n  - host: a.${ALSO}\n    port: 1\n'), [
    'c.yaml:1:7 port: the variable NONE is not set; set it, or give a default: ${NONE:-…}',
    'c.yaml:3:13 backends[0].host: the variable ALSO is not set; set it, or give a default: ${ALSO:-…}',
  ]);
  assert.match(errorsOf('${PORT}: 1\nbackends: [{host: a, port: 1}]\n').join(), /\$\{PORT\}.*unknown key/);
  assert.match(errorsOf('port: "${PORT}"\nbackends: [{host: a, port: 1}]\n').join(), /port: expected integer/);
});

test('without an environment nothing of this machine is read', () => {
  const [error] = parseConfig('port: ${HOME}\nbackends: [{host: a, port: 1}]\n', 'c.yaml').errors;
  assert.equal(error?.message, 'the variable HOME is not set');
});

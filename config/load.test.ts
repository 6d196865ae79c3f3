import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from './load.ts';
import { formatProblem } from './problem.ts';

function errorsOf(text: string): string[] {
  return parseConfig(text, 'config.yaml').errors.map((problem) => formatProblem(problem, 'config.yaml'));
}

test('the three-line configuration is complete', () => {
  const { plan, errors, warnings } = parseConfig(
    'port: 9295\nbackends:\n  - host: "127.0.0.1"\n    port: 9000\n',
    'c.yaml',
  );
  assert.deepEqual(errors, []);
  assert.deepEqual(warnings, []);
  assert.equal(plan?.services.length, 1);
  assert.equal(plan?.services[0]?.name, 'default');
  assert.equal(plan?.services[0]?.runtime.maxConnections, 4000);
});

test('every problem is reported at once, in the order of the file, with a suggestion for a misspelt key', () => {
  const text = [
    'port: 9295',
    'backends:',
    '  - host: a',
    '    port: 1',
    '  - host: b',
    '    port: "abc"',
    '',
    'backend: 5',
  ].join('\n');
  assert.deepEqual(errorsOf(text), [
    'config.yaml:6:5 backends[1].port: expected integer 1..65535, got "abc"',
    'config.yaml:8:1 backend: unknown key; did you mean "backends"?',
  ]);
});

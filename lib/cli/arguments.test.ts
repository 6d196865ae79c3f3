import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { milliseconds, readArguments, type Options } from './arguments.ts';
import { COMMANDS, FLAGS } from './commands.ts';
import { anyText } from '../testing/any-text.ts';

const NONE: Options = {
  json: false,
  verbose: false,
  brief: false,
  strict: false,
  daemon: false,
  watch: false,
  now: false,
  follow: false,
  wait: false,
  save: false,
  service: null,
  to: null,
  lines: null,
  level: null,
  sinceMs: null,
  seconds: null,
  words: [],
  timeoutMs: null,
};

const right: readonly (readonly [line: string, command: string, options: Partial<Options>])[] = [
  ['check', 'check', {}],
  ['check --json --verbose --strict', 'check', { json: true, verbose: true, strict: true }],
  ['--json check', 'check', { json: true }],
  ['-c a.yaml check', 'check', { config: 'a.yaml' }],
  ['check --config=a.yaml', 'check', { config: 'a.yaml' }],
  ['check --config=--a', 'check', { config: '--a' }],
  ['check -ca', 'check', { config: 'a' }],
  ['start -dc x', 'start', { daemon: true, config: 'x' }],
  ['start --daemon', 'start', { daemon: true }],
  ['doctor --brief', 'doctor', { brief: true }],
  ['stop --now', 'stop', { now: true }],
  ['stop --timeout 10', 'stop', { timeoutMs: 10_000 }],
  ['stop --timeout=1.5m', 'stop', { timeoutMs: 90_000 }],
  ['graceful --json', 'graceful', { json: true }],
  ['why 10.0.0.7:5432', 'why', { words: ['10.0.0.7:5432'] }],
  ['events -f', 'events', { follow: true }],
  ['backend', 'backend', {}],
  ['backend ready a:1 --save', 'backend', { words: ['ready', 'a:1'], save: true }],
  ['backend drain a:1 --wait --timeout 5s', 'backend', { words: ['drain', 'a:1'], wait: true, timeoutMs: 5000 }],
  ['backend weight a:1 5 --service db', 'backend', { words: ['weight', 'a:1', '5'], service: 'db' }],
];
for (const [line, command, options] of right) {
  test(`bal ${line}`, () => {
    assert.deepEqual(readArguments(line.split(' ')), { kind: 'run', command, options: { ...NONE, ...options } });
  });
}

for (const path of ['0123', '1e3', '0x10', '-', 'true', 'a b', '007/../x', '１２']) {
  test(`the path ${JSON.stringify(path)} stays what it is`, () => {
    const request = readArguments(['check', '-c', path]);
    assert.equal(request.kind === 'run' && request.options.config, path);
  });
}

const asked: readonly (readonly [line: string, request: object])[] = [
  ['--help', { kind: 'help', command: null }],
  ['-h', { kind: 'help', command: null }],
  ['stop --help', { kind: 'help', command: 'stop' }],
  ['-h stop --now', { kind: 'help', command: 'stop' }],
  ['--version', { kind: 'version', json: false }],
  ['-v', { kind: 'version', json: false }],
  ['--version --json', { kind: 'version', json: true }],
  ['version --json', { kind: 'version', json: true }],
];
for (const [line, request] of asked) {
  test(`bal ${line} asks for ${JSON.stringify(request)}`, () =>
    assert.deepEqual(readArguments(line.split(' ')), request));
}

const wrong: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
  [[], /^no command; one of check, doctor/],
  [[''], /^unknown command ""/],
  [['foo'], /^unknown command "foo"; see 'bal --help'$/],
  [['stat'], /^unknown command "stat"; did you mean "status"\?$/],
  [['gracefull'], /did you mean "graceful"\?$/],
  [['STOP'], /^unknown command "STOP"/],
  [['__proto__'], /^unknown command/],
  [['constructor'], /^unknown command/],
  [['status', 'extra'], /^unexpected argument "extra"; 'bal status --help'/],
  [['why', 'a', 'b'], /^unexpected argument "b"/],
  [['check', '--', 'extra'], /^unexpected argument "extra"/],
  [['status', '--josn'], /^unknown option "--josn"; did you mean "--json"\?$/],
  [['status', '-x'], /^unknown option "-x"; see 'bal status --help'$/],
  [['start', '-dx'], /^unknown option "-x"/],
  [['status', '--no-json'], /^unknown option "--no-json"/],
  [['status', '--Json'], /^unknown option "--Json"/],
  [['status', '--__proto__=1'], /^unknown option "--__proto__"/],
  [['status', '--config.port=5'], /^unknown option "--config.port"/],
  [['status', '--version'], /^unknown option "--version"/],
  [['--json'], /^unknown option "--json"; see 'bal --help'$/],
  [['status', '--now'], /^'bal status' has no option --now; see 'bal status --help'$/],
  [['graceful', '-c', 'x'], /^'bal graceful' has no option -c/],
  [['status', '-c'], /^option -c needs a value$/],
  [['status', '--config='], /^option --config needs a value$/],
  [['status', '--config', ''], /^option --config needs a value$/],
  [['status', '--config', '--json'], /^option --config needs a value; .* --config=--json$/],
  [['status', '-c', 'a', '--config', 'b'], /^option --config is given more than once$/],
  [['status', '--json', '--json'], /^option --json is given more than once$/],
  [['status', '--json=false'], /^option --json takes no value$/],
  [['--help=x'], /^option --help takes no value$/],
  [['status', '--brief', '--verbose'], /exclude each other$/],
  [['stop', '--now', '--timeout', '1'], /exclude each other$/],
  [['stop', '--timeout', 'soon'], /^--timeout takes a duration .* not "soon"$/],
  [['stop', '--timeout=-1'], /^--timeout takes a duration/],
  [['stop', '--timeout', '8d'], /^--timeout takes a duration/],
  [['stop', '--timeout', '169h'], /at most 7 days/],
];
for (const [argv, message] of wrong) {
  test(`bal ${argv.join(' ')} is refused in one line`, () => {
    const request = readArguments(argv);
    assert.equal(request.kind, 'wrong');
    assert.match(request.message, message);
    assert.doesNotMatch(request.message, /\n/);
  });
}

test('whatever the arguments are, they are understood or refused in one line without control characters', () => {
  const word = fc.oneof(
    fc.constantFrom(...Object.keys(COMMANDS), ...Object.keys(FLAGS).map((flag) => `--${flag}`), '-c', '-d', '--', '-'),
    fc.string(),
    anyText(),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
      const request = readArguments(argv);
      if (request.kind === 'wrong') assert.doesNotMatch(request.message, /\p{Cc}/u);
      if (request.kind === 'run') assert.ok(Object.hasOwn(COMMANDS, request.command));
    }),
    { numRuns: 2000 },
  );
});

test('durations are seconds unless they say otherwise, and never more than a week', () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ['0', 0],
    ['10', 10_000],
    ['0.5', 500],
    ['10s', 10_000],
    ['500ms', 500],
    ['2m', 120_000],
    ['168h', 604_800_000],
    ['169h', null],
    ['', null],
    ['s', null],
    ['-1', null],
    ['1 s', null],
    ['1e3', null],
    ['Infinity', null],
    ['0x10', null],
    ['10S', null],
  ];
  for (const [text, ms] of cases) assert.equal(milliseconds(text), ms, text);
});

test('commands that other programs have are answered, and help and version are done', () => {
  assert.deepEqual(readArguments(['help']), { kind: 'help', command: null });
  assert.deepEqual(readArguments(['help', 'check']), { kind: 'help', command: 'check' });
  assert.deepEqual(readArguments(['version']), { kind: 'version', json: false });
  for (const [word, hint] of [
    ['reload', /'bal graceful' reloads/],
    ['restart', /'bal graceful'.*'bal stop', then 'bal start -d'/],
    ['validate', /'bal check'/],
  ] as const) {
    const request = readArguments([word]);
    assert.match(request.kind === 'wrong' ? request.message : '', hint);
  }
});

test('-c=FILE is -c FILE', () => {
  for (const argv of [
    ['check', '-c=a.yaml'],
    ['check', '-c', 'a.yaml'],
    ['check', '--config=a.yaml'],
  ]) {
    const request = readArguments(argv);
    assert.equal(request.kind === 'run' ? request.options.config : request.kind, 'a.yaml', argv.join(' '));
  }
  const odd = readArguments(['check', '--config==a.yaml']);
  assert.equal(odd.kind === 'run' ? odd.options.config : odd.kind, '=a.yaml', 'a file may be called so');
  const apart = readArguments(['check', '-c', '=a.yaml']);
  assert.equal(apart.kind === 'run' ? apart.options.config : apart.kind, '=a.yaml', 'here, too');
  assert.deepEqual(readArguments(['check', '-c=']), { kind: 'wrong', message: 'option -c needs a value' });
});

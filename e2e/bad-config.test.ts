// An invalid configuration starts nothing, in either mode, and the message says where it is wrong.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { newHome } from './harness.ts';
import { cli } from './harness/cli.ts';
import { pidsOf } from './harness/processes.ts';
import { until } from '../lib/testing/until.ts';

const BACKENDS = 'backends:\n  - host: "127.0.0.1"\n    port: 9000\n';

/** The mistake → the file, and the expected message. */
const WRONG: Record<string, [text: string, says: RegExp]> = {
  'not YAML': ['port: [9295\nbackends: }', /config\.yaml:\d+:\d+/],
  'a tab as indentation': ['port: 9295\nbackends:\n\t- host: a\n', /config\.yaml:3:\d+/],
  empty: ['', /config\.yaml/],
  'only a comment': ['# nothing here\n', /config\.yaml/],
  'a list': ['- 1\n- 2\n', /config\.yaml/],
  'a word': ['hello\n', /config\.yaml/],
  'no backends': ['port: 9295\n', /backends/],
  'backends empty': ['port: 9295\nbackends: []\n', /config\.yaml:2:\d+ backends/],
  'an unknown key': [`port: 9295\nbackend: 1\n${BACKENDS}`, /config\.yaml:2:1 backend: .*"backends"/],
  'an unknown runtime key': [`${BACKENDS}runtime:\n  tcp_backlogs: 5\n`, /config\.yaml:5:3 runtime\.tcp_backlogs/],
  'a key twice': [`port: 9295\nport: 9296\n${BACKENDS}`, /config\.yaml:2:1/],
  'a port that is no number': ['port: abc\n' + BACKENDS, /config\.yaml:1:1 port: .*abc/],
  'port 0': [`port: 0\n${BACKENDS}`, /config\.yaml:1:1 port/],
  'port 65536': [`port: 65536\n${BACKENDS}`, /config\.yaml:1:1 port/],
  'a backend port of 0': ['backends:\n  - host: a\n    port: 0\n', /config\.yaml:3:5 backends\[0\]\.port/],
  'a backend without a host': ['backends:\n  - port: 9000\n', /backends\[0\]\.host/],
  'a backend with an empty host': ['backends:\n  - host: ""\n    port: 9000\n', /config\.yaml:2:5 backends\[0\]\.host/],
  'a backend twice': [
    `${BACKENDS}  - host: "127.0.0.1"\n    port: 9000\n`,
    /config\.yaml:4:\d+ backends\[1\].*127\.0\.0\.1:9000|config\.yaml:4:\d+ backends\[1\]/,
  ],
  'a backend that is the listener': [
    'port: 9000\nbind_address: "127.0.0.1"\nbackends:\n  - host: "127.0.0.1"\n    port: 9000\n',
    /config\.yaml:4:\d+ backends\[0\]/,
  ],
  'an unknown method': [`method: fastest\n${BACKENDS}`, /config\.yaml:1:1 method: .*round_robin/],
  'an unknown log level': [`log_level: loud\n${BACKENDS}`, /config\.yaml:1:1 log_level/],
  'no workers': [`workers: 0\n${BACKENDS}`, /config\.yaml:1:1 workers/],
  'too many workers': [`workers: 257\n${BACKENDS}`, /config\.yaml:1:1 workers/],
  'an unknown engine': [`engine: steam\n${BACKENDS}`, /config\.yaml:1:1 engine/],
  'back-off upside down': [
    `${BACKENDS}runtime:\n  failover_backoff_initial_ms: 900\n  failover_backoff_max_ms: 800\n`,
    /failover_backoff/,
  ],
  'a time below zero': [`${BACKENDS}runtime:\n  drain_timeout_ms: -1\n`, /config\.yaml:5:3 runtime\.drain_timeout_ms/],
  'two services on one port': [
    `services:\n  a:\n    port: 9100\n    ${BACKENDS.replaceAll('\n', '\n    ')}\n  b:\n    port: 9100\n    ${BACKENDS.replaceAll('\n', '\n    ')}\n`,
    /services\.b/,
  ],
  'a bomb of aliases': [
    'a: &a [x, x, x, x, x, x, x, x, x]\n' +
      'bcdefgh'
        .split('')
        .map((k, i, all) => {
          const of = `*${i === 0 ? 'a' : all[i - 1]}`;
          return `${k}: &${k} [${Array.from({ length: 9 }, () => of).join(', ')}]\n`;
        })
        .join(''),
    /config\.yaml/,
  ],
  'more than 1 MiB': [`# ${'x'.repeat(1024 * 1024)}\n${BACKENDS}`, /config\.yaml/],
};

/** These are tested with both ways to start and with `check`; for the rest a start in the foreground is enough. */
const THOROUGHLY = new Set([
  'not YAML',
  'an unknown key',
  'a port that is no number',
  'a backend that is the listener',
]);

describe('a configuration that is wrong', { concurrency: 3 }, () => {
  for (const [what, [text, says]] of Object.entries(WRONG)) {
    test(`${what}: it says where, and nothing is started`, async (t) => {
      const home = newHome(t);
      writeFileSync(join(home, 'config.yaml'), text);
      for (const args of [['start'], ...(THOROUGHLY.has(what) ? [['start', '-d'], ['check']] : [])]) {
        const result = await cli(args, { home });
        const said = result.stderr + result.stdout;
        assert.equal(result.code, 1, said);
        assert.match(said, says);
        assert.doesNotMatch(said, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace');
      }
      assert.equal(existsSync(join(home, 'bal.pid')), false);
      assert.equal(existsSync(join(home, 'bal.sock')), false);
      await until('no process is left', () => pidsOf(home).length === 0);
    });
  }
});

test('all mistakes are told at once', async (t) => {
  const home = newHome(t);
  writeFileSync(
    join(home, 'config.yaml'),
    'port: 0\nmethod: none\nbackend: 1\nbackends:\n  - host: a\n    port: abc\n',
  );
  const { stderr, stdout } = await cli(['start'], { home });
  for (const where of [':1:1 port', ':2:1 method', ':3:1 backend', ':6:5 backends[0].port']) {
    assert.ok((stderr + stdout).includes(where), `${where} in\n${stderr}${stdout}`);
  }
});

test('no file, a folder instead of a file, and a file that is named but not there are each told', async (t) => {
  const home = newHome(t);
  for (const [args, path] of [
    [['start'], join(home, 'config.yaml')],
    [['start', '-d', '-c', 'other.yaml'], join(home, 'other.yaml')],
    [['start', '-c', '.'], home],
  ] as const) {
    const result = await cli(args, { home, cwd: home });
    // bal would use a system-wide configuration instead of the missing one.
    if (args.length === 1 && existsSync('/etc/bal/config.yaml')) continue;
    assert.equal(result.code, 1, result.stderr);
    assert.ok((result.stderr + result.stdout).includes(path), result.stderr + result.stdout);
    assert.doesNotMatch(result.stderr, /^\s+at .*:\d+:\d+\)?$/m);
  }
});

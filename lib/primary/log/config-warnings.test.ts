import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemAt } from '../../../config/problem.ts';
import { logWarnings } from './config-warnings.ts';
import type { Fields, Log } from './log.ts';

test('each warning is an event with its place, what happened, why, and what to do', () => {
  const reported: [event: string, message: string, fields: Fields][] = [];
  const warn: Log['warn'] = (event, message, fields = {}) => void reported.push([event, message, fields]);
  const only = (): void => assert.fail('nothing but warnings is told');
  const log: Log = { debug: only, info: only, warn, error: only, for: () => log };
  const mark = { line: 3, column: 5, offset: 20 };
  logWarnings(
    log,
    [
      problemAt(mark, ['services', 'web', 'port'], 'not for this user', 'use a port from 1024 on'),
      problemAt(null, [], 'more than it can carry'),
    ],
    '/etc/bal.yaml',
  );
  const why_likely = 'the configuration works, but not in all situations';
  assert.deepEqual(reported, [
    [
      'config.warning',
      '/etc/bal.yaml:3:5 services.web.port: not for this user',
      {
        path: 'services.web.port',
        line: 3,
        what_happened: 'services.web.port: not for this user',
        why_likely,
        do_this_now: 'use a port from 1024 on',
      },
    ],
    [
      'config.warning',
      '/etc/bal.yaml: more than it can carry',
      {
        path: '',
        line: null,
        what_happened: 'the configuration: more than it can carry',
        why_likely,
        do_this_now: "run 'bal check' and correct the lines it names",
      },
    ],
  ]);
});

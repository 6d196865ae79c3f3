import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createEvents } from './events.ts';
import { createLog, type Sink } from './log.ts';

const NOW = Date.parse('2026-05-04T03:02:01.007Z');

function scene(t: TestContext) {
  t.mock.timers.enable({ apis: ['Date'], now: NOW });
  const lines: string[] = [];
  const sink: Sink = {
    write: (text) => void lines.push(text.toString()),
    reopen: () => undefined,
    close: () => Promise.resolve(),
    dropped: 0,
    file: null,
    fault: null,
  };
  const events = createEvents();
  return { log: createLog(sink, 'info', events), lines, events };
}

test('a line is one JSON object, its keys in the order of the contract, byte for byte', (t) => {
  const { log, lines } = scene(t);
  const fields = { backend: 'a:1', count: 3, cause: null, list: [1, 'ü'], deep: { at: 0.5 }, left_out: undefined };
  log.for('health').warn('backend.down', 'backend "a:1" is down\n', fields);
  assert.deepEqual(lines, [
    '{"timestamp":"2026-05-04T03:02:01.007Z","level":"WARN","message":"backend \\"a:1\\" is down\\n","module":"health",' +
      '"event":"backend.down","fields":{"backend":"a:1","count":3,"cause":null,"list":[1,"ü"],"deep":{"at":0.5}}}\n',
  ]);
});

test('whatever is said makes a line that can be read back', (t) => {
  const { log, lines } = scene(t);
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  for (const fields of [{}, circle, { big: 2n ** 70n }, { level: 'x', message: 'y', timestamp: 'z' }]) {
    log.error('some.event', '\u0000 \ud800 \u007f " \\', fields);
  }
  log.info('some.event', 'without fields');
  for (const line of lines) {
    assert.match(line, /^[^\n]+\n$/);
    const record: unknown = JSON.parse(line);
    assert.ok(typeof record === 'object' && record !== null);
    assert.deepEqual(Object.keys(record), ['timestamp', 'level', 'message', 'module', 'event', 'fields']);
  }
  assert.equal(lines.length, 5);
});

test('what is below the level is neither a line nor, for debug, an event; the level can be changed', (t) => {
  const { log, lines, events } = scene(t);
  log.debug('quiet.sample', 'm');
  assert.equal(lines.length, 0);
  log.setLevel('error');
  log.warn('loud.transition', 'm');
  assert.equal(lines.length, 0);
  log.setLevel('debug');
  log.debug('loud.sample', 'm', { a: 1 });
  assert.equal(
    lines.join(''),
    '{"timestamp":"2026-05-04T03:02:01.007Z","level":"DEBUG","message":"m","module":"bal","event":"loud.sample","fields":{"a":1}}\n',
  );
  assert.deepEqual(
    events.recent().map(({ event }) => event),
    ['loud.transition'],
  );
});

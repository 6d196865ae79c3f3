// Well-typed but nonsensical messages of a broken worker: nothing in the primary throws, hangs or reports wrong figures because of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseConfig } from '../../../config/load.ts';
import { processStandIn } from '../../testing/process-stand-in.ts';
import { CONNECT_FAILURES } from '../../engine/engine.ts';
import { toPrimary } from '../../ipc/incoming.ts';
import type { ToWorker } from '../../ipc/messages.ts';
import { createEvents } from '../log/events.ts';
import { createLog, type Log, type Sink } from '../log/log.ts';
import { createServices } from '../upstream/services.ts';
import { createPermitBook } from '../limits/permits.ts';
import { createStatistics } from './statistics.ts';
import { createRegistry } from '../registry.ts';
import { instanceSum } from './totals.ts';
import { anyText } from '../../testing/any-text.ts';

const { plan } = parseConfig(
  'port: 9\nbackends: [{ host: 127.0.0.1, port: 1 }]\nruntime: { max_concurrent_connections: 10 }\n',
  '/config.yaml',
);
const count = fc.oneof(
  fc.nat(20),
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER),
);
const silence = (): void => undefined;
const quiet: Log = { debug: silence, info: silence, warn: silence, error: silence, for: () => quiet };

test('no pool, no wish and no return is so large that more permits are out than there are', () => {
  assert.ok(plan !== null);
  const messages = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('ask'), pool: fc.oneof(fc.constant(0), count), wanted: count }),
      fc.record({
        kind: fc.constant('returned'),
        pool: fc.oneof(fc.constant(0), count),
        permits: count,
        recalled: fc.boolean(),
      }),
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(messages, (all) => {
      const book = createPermitBook();
      book.setPlan(plan);
      let granted = 0;
      const rogue = processStandIn(1, (message: ToWorker) => {
        if (message.kind === 'permits') granted += message.granted;
      });
      let sane = 0;
      const other = processStandIn(2, (message) => {
        if (message.kind === 'permits') sane += message.granted;
      });
      for (const message of all) {
        const checked = toPrimary(message);
        assert.ok(checked !== null && (checked.kind === 'ask' || checked.kind === 'returned'));
        book.receive(rogue, checked);
      }
      assert.ok(Number.isSafeInteger(granted) && granted >= 0);
      // The broken worker dies: all its permits are free again, for a healthy one.
      rogue.state = 'gone';
      book.forget(rogue);
      for (let i = 0; i < 20; i++) book.receive(other, { kind: 'ask', pool: 0, wanted: 10 });
      assert.equal(sane, 10, 'exactly the limit');
      book.close();
    }),
  );
});

test('no counters make the totals fall, negative or infinite', () => {
  assert.ok(plan !== null);
  const number = fc.oneof(count, fc.double(), fc.integer());
  const changes = fc.array(fc.tuple(fc.oneof(fc.nat(100), number), number), { maxLength: 80 }).map((all) => all.flat());
  const report = fc.record({
    services: changes,
    endpoints: changes,
    retired: fc.array(count, { maxLength: 3 }),
    short: fc.dictionary(fc.string(), count),
    id: fc.option(count),
    rssBytes: fc.oneof(count, fc.double()),
    reached: fc.constant([]),
  });
  fc.assert(
    fc.property(fc.array(report, { maxLength: 10 }), (reports) => {
      const registry = createRegistry();
      registry.service('default');
      registry.endpoint('default', '127.0.0.1:1');
      const statistics = createStatistics(registry);
      const rogue = processStandIn(1);
      statistics.join(rogue);
      let before = instanceSum(statistics.totals).clients.accepted_total;
      for (const each of reports) {
        statistics.report(rogue, { kind: 'counters', ...each });
        const after = instanceSum(statistics.totals).clients.accepted_total;
        assert.ok(after >= before && Number.isFinite(after));
        assert.ok(Number.isFinite(statistics.rssBytes(rogue)));
        before = after;
      }
      assert.ok(Number.isFinite(statistics.leave(rogue)));
      assert.equal(instanceSum(statistics.totals).clients.active, 0, 'what a mad worker had open goes with it');
    }),
  );
});

test('no number of failures makes the health state throw, and no unknown backend is looked for', () => {
  assert.ok(plan !== null);
  const failure = fc.record({
    service: fc.constantFrom('default', 'nobody', ''),
    address: fc.constantFrom('127.0.0.1:1', '127.0.0.1:2', ''),
    cause: fc.constantFrom(...CONNECT_FAILURES),
    count,
    began: fc.oneof(count, fc.double()),
  });
  fc.assert(
    fc.property(fc.array(failure, { maxLength: 30 }), fc.array(count), (failures, connects) => {
      const services = createServices(quiet, silence);
      services.apply(plan);
      for (const { service, address, cause, count: times, began } of failures) {
        services.connectFailed(service, address, cause, times, began);
        services.reached(service, address, began);
      }
      for (const each of connects) services.connected(new Map([['default', each]]));
      assert.ok([0, 1, 2].includes(services.endpoint('default', '127.0.0.1:1').tier));
      assert.doesNotThrow(() => JSON.stringify([services.get('default'), services.protection('default')]));
      services.close();
    }),
    { numRuns: 50 },
  );
});

test('log lines of whatever content stay one line each, and one too deep to be written is not heard', () => {
  const lines: string[] = [];
  const sink: Sink = {
    write: (line) => void lines.push(String(line)),
    reopen: silence,
    close: () => Promise.resolve(),
    dropped: 0,
    file: null,
    fault: null,
  };
  const events = createEvents();
  events.subscribe((event) => void JSON.stringify(event));
  const log = createLog(sink, 'debug', events);
  const say = (fields: unknown, text: string): void => {
    const message = toPrimary({
      kind: 'log',
      lines: [{ level: 'warn', module: text, event: text, message: text, fields }],
      dropped: 0,
    });
    if (message === null || message.kind !== 'log') return;
    for (const line of message.lines) log.for(line.module)[line.level](line.event, line.message, line.fields);
  };
  fc.assert(
    fc.property(fc.object(), anyText(), (fields, text) => {
      // The channel carries only what JSON can express.
      say(JSON.parse(JSON.stringify(fields)), text);
      const line = lines.pop() ?? '';
      assert.equal(line.indexOf('\n'), line.length - 1);
      assert.equal(JSON.parse(line).level, 'WARN');
    }),
    { numRuns: 30 },
  );
  const depth = 50_000;
  say(JSON.parse(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`), 'deep');
});

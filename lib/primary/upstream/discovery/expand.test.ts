import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseConfig } from '../../../../config/load.ts';
import { ANY_MACHINE } from '../../../../config/machine.ts';
import type { Plan } from '../../../../config/plan.ts';
import { addressesFound, expand, type Found, servicesFound } from './expand.ts';

const MACHINE = { ...ANY_MACHINE, own: ['127.0.0.1', '10.0.0.1'] };

function planOf(services: Readonly<Record<string, unknown>>): Plan {
  const { plan, errors } = parseConfig(JSON.stringify({ services }), 'config.yaml');
  assert.deepEqual(errors, []);
  assert.ok(plan !== null);
  return plan;
}

const all = (host: string, more = {}) => ({ host, port: 80, discover: 'all', ...more });
const addresses = ({ services }: Plan) => services.map(({ backends }) => backends.map(({ address }) => address));

test('a name is replaced by what it leads to, each address once, with all that its entry says', () => {
  const plan = planOf({
    web: { port: 1, backends: [{ host: '10.1.1.2', port: 80 }, all('web.test', { weight: 7, max_connections: 3 })] },
    srv: {
      port: 2,
      backends: [
        { host: '_x._tcp.test', discover: 'srv', backup: true },
        { host: '10.1.1.9', port: 9 },
      ],
    },
  });
  const found: Readonly<Record<string, readonly Found[]>> = {
    'all web.test': addressesFound(['10.1.1.3', '10.1.1.2', '10.1.1.3', '2001:DB8::1']),
    'srv _x._tcp.test': servicesFound([{ name: 'A.test', port: 81, priority: 1, weight: 5, ips: ['10.1.1.4'] }]),
  };
  const expanded = expand(plan, (discover, name) => found[`${discover} ${name}`] ?? null, 0, MACHINE);
  assert.deepEqual(addresses(expanded.plan), [
    ['10.1.1.2:80', '10.1.1.3:80', '[2001:db8::1]:80'],
    ['10.1.1.4:81', '10.1.1.9:9'],
  ]);
  assert.deepEqual(expanded.leftOut, []);
  const [, second] = expanded.plan.services[0]?.backends ?? [];
  assert.deepEqual(
    [second?.weight, second?.maxConnections, second?.discoveredFrom, second?.hostname, second?.discover],
    [7, 3, 'web.test', 'web.test', 'address'],
  );
  const [only] = expanded.plan.services[1]?.backends ?? [];
  assert.deepEqual([only?.weight, only?.backup, only?.port], [5, true, 81]);
  assert.deepEqual([only?.discoveredFrom, only?.hostname], ['_x._tcp.test', 'a.test']);
  assert.deepEqual(addresses(expand(plan, () => null, 0, MACHINE).plan), [['10.1.1.2:80'], ['10.1.1.9:9']]);
});

test('what nobody can be sent to, what leads back, and what is too many is left out and told', () => {
  const plan = planOf({
    web: { port: 8080, backends: [all('web.test'), all('own.test', { port: 8080 })] },
    from: { port: 8081, backends: [all('six.test', { source: '10.0.0.1' })] },
  });
  const crowd = Array.from({ length: 2000 }, (_, i) => `10.9.${i >> 8}.${i & 255}`);
  const found: Readonly<Record<string, readonly string[]>> = {
    'web.test': ['0.0.0.0', ...crowd],
    'own.test': ['127.0.0.1', '10.0.0.1'],
    'six.test': ['2001:db8::1'],
  };
  const { plan: expanded, leftOut } = expand(plan, (_, name) => addressesFound(found[name] ?? []), 24, MACHINE);
  assert.equal(addresses(expanded).flat().length, 1000);
  const reported = leftOut.map(({ name, count, why }) => [name, count, why]);
  assert.deepEqual(reported[0], ['web.test', 1, 'it is the address of no host']);
  assert.deepEqual(reported[1], ['web.test', 1000, 'there would be more than 1024 backends']);
  const other = expand(plan, (_, name) => (name === 'web.test' ? [] : addressesFound(found[name] ?? [])), 0, MACHINE);
  assert.deepEqual(addresses(other.plan), [[], []]);
  assert.deepEqual(
    other.leftOut.map(({ name, count, why }) => [name, count, why]),
    [
      ['own.test', 2, 'it leads back to bal itself'],
      ['six.test', 1, 'no source address is of its family'],
    ],
  );
});

test('an SRV record with port 0 is left out and told', () => {
  const plan = planOf({ web: { port: 1, backends: [{ host: '_x._tcp.test', discover: 'srv' }] } });
  const record = { name: 'a.test', port: 0, priority: 1, weight: 1, ips: ['10.1.1.1'] };
  const { plan: expanded, leftOut } = expand(plan, () => servicesFound([record, { ...record, port: 7 }]), 0, MACHINE);
  assert.deepEqual(addresses(expanded), [['10.1.1.1:7']]);
  const why = 'its SRV record has port 0';
  assert.deepEqual(leftOut, [{ service: 'web', name: '_x._tcp.test', count: 1, why }]);
});

const RECORD = { name: 'a.test', port: 1, priority: 5, weight: 0, ips: ['10.1.1.1'] };

/** Port, weight and rank. */
function shown(records: Parameters<typeof servicesFound>[0]): (number | null)[][] {
  return servicesFound(records).map(({ port, weight, rank }) => [port, weight, rank]);
}

test('weights that are too large for bal are made smaller alike, within their priority', () => {
  const records = [
    { ...RECORD, weight: 65_535 },
    { ...RECORD, port: 2, weight: 32_768 },
    { ...RECORD, port: 3 },
    { ...RECORD, port: 4, priority: 6, weight: 256 },
    { ...RECORD, port: 5, priority: 6, weight: 2 },
  ];
  assert.deepEqual(shown(records), [
    [1, 256, 0],
    [2, 128, 0],
    [3, 1, 0],
    [4, 256, 1],
    [5, 2, 1],
  ]);
});

test('each priority has a rank, unless nothing of it can be used', () => {
  const at = (port: number, priority: number, ips = RECORD.ips) => ({ ...RECORD, port, priority, weight: 1, ips });
  assert.deepEqual(shown([at(1, 30), at(2, 10), at(3, 20), at(4, 10)]), [
    [2, 1, 0],
    [4, 1, 0],
    [3, 1, 1],
    [1, 1, 2],
  ]);
  assert.deepEqual(shown([at(1, 7), at(0, 3), at(2, 5, [])]), [
    [0, 1, 0],
    [1, 1, 0],
  ]);
});

test('backups of a name are used in the order of their priorities', () => {
  const lookup = () => servicesFound([1, 2, 3].map((port) => ({ ...RECORD, port, priority: port })));
  const ranks = (entry: object) => {
    const backends = [{ host: '_x._tcp.test', discover: 'srv', ...entry }, '10.1.1.2:80'];
    const { plan } = expand(planOf({ web: { port: 1, backends } }), lookup, 0, MACHINE);
    return plan.services[0]?.backends.slice(0, 3).map(({ backup, rank }) => [backup, rank]);
  };
  assert.deepEqual(ranks({}), [
    [false, 0],
    [true, 0],
    [true, 1],
  ]);
  assert.deepEqual(ranks({ backup: true }), [
    [true, 0],
    [true, 1],
    [true, 2],
  ]);
});

test('the order of an answer does not matter', () => {
  const records = fc.array(
    fc.record({
      name: fc.constantFrom('a.test', 'b.test', '10.1.1.1', 'no name'),
      port: fc.integer({ min: 1, max: 3 }),
      priority: fc.integer({ min: 0, max: 3 }),
      weight: fc.integer({ min: 0, max: 65_535 }),
      ips: fc.array(fc.constantFrom('10.1.1.1', '10.1.1.2', '2001:db8::1'), { maxLength: 3 }),
    }),
  );
  const turned = records.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  );
  fc.assert(
    fc.property(turned, ([list, other]) => assert.deepEqual(servicesFound(list), servicesFound(other))),
    { numRuns: 300 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planDifference } from './diff.ts';
import { parseConfig } from './load.ts';

const load = (access: string) =>
  parseConfig(`port: 9295\n${access}\nbackends: [{host: 10.0.0.1, port: 9000}]\n`, '/config.yaml');
const said = ({ errors, warnings }: ReturnType<typeof load>) => ({
  errors: errors.map(({ line, path, message }) => `${line} ${path}: ${message}`),
  warnings: warnings.map(({ line, path, message }) => `${line} ${path}: ${message}`),
});
const accessOf = (text: string) => load(text).plan?.services[0]?.access;

test('lists become a plan, and without them everybody may come', () => {
  assert.deepEqual(accessOf('access: {allow: [10.0.0.0/8, "fd00::/8", 10.0.0.7], deny: [10.6.6.0/24]}'), {
    allow: ['10.0.0.0/8', 'fd00::/8', '10.0.0.7'],
    deny: ['10.6.6.0/24'],
  });
  assert.deepEqual(accessOf('access: {deny: [10.6.6.0/24]}'), { allow: null, deny: ['10.6.6.0/24'] });
  assert.equal(accessOf(''), null);
  assert.equal(accessOf('access: {}'), null);
  assert.equal(accessOf('access: {deny: []}'), null);
});

test('a service has the list of the top level, or its own as a whole', () => {
  const { plan } = parseConfig(
    [
      'access: {allow: [10.0.0.0/8], deny: [10.6.6.0/24]}',
      'backends: [{host: 10.0.0.1, port: 9000}]',
      'services: {a: {port: 1000}, b: {port: 1001, access: {deny: [10.7.7.0/24]}}}',
    ].join('\n'),
    '/config.yaml',
  );
  assert.deepEqual(
    plan?.services.map(({ access }) => access),
    [
      { allow: ['10.0.0.0/8'], deny: ['10.6.6.0/24'] },
      { allow: null, deny: ['10.7.7.0/24'] },
    ],
  );
});

test('what is no network is an error at its line', () => {
  const { errors } = said(
    load('access:\n  allow:\n    - 10.0.0.0/8\n    - 10.0.0.0/33\n    - example.com\n  dany: []'),
  );
  assert.equal(errors.length, 3, errors.join('\n'));
  assert.match(errors[0] ?? '', /^5 access\.allow\[1\]: expected a network/);
  assert.match(errors[1] ?? '', /^6 access\.allow\[2\]: expected a network/);
  assert.match(errors[2] ?? '', /^7 access\.dany: unknown key/);
});

test('a list that lets nobody in is an error', () => {
  for (const access of ['{allow: []}', '{allow: [10.0.0.1], deny: [10.0.0.1/32]}', '{deny: ["::/0"]}']) {
    assert.deepEqual(said(load(`access: ${access}`)).errors, ['2 access: lets nobody in'], access);
  }
  assert.deepEqual(said(load('access: {allow: [10.0.0.0/8], deny: [10.0.0.0/9, 10.128.0.0/9]}')).errors, [
    '2 access: lets nobody in',
  ]);
  assert.deepEqual(said(load('access: {deny: [0.0.0.0/0]}')).errors, [], 'IPv6 may come');
});

test('host bits and a network in both lists are warned of, and what is meant counts', () => {
  const loaded = load('access:\n  allow: [10.1.2.3/8, 10.6.6.0/24]\n  deny: [10.6.6.0/24]');
  assert.deepEqual(said(loaded), {
    errors: [],
    warnings: [
      '3 access.allow[0]: "10.1.2.3/8" means 10.0.0.0/8',
      '3 access.allow[1]: "10.6.6.0/24" is denied, too (line 4), and that counts',
    ],
  });
  assert.deepEqual(loaded.plan?.services[0]?.access?.allow, ['10.0.0.0/8', '10.6.6.0/24']);
});

test('at most ten thousand networks in both lists', () => {
  const networks = (count: number) =>
    Array.from({ length: count }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`).join(', ');
  assert.equal(load(`access: {allow: [${networks(10_000)}]}`).plan?.services[0]?.access?.allow?.length, 10_000);
  assert.match(said(load(`access: {allow: [${networks(10_001)}]}`)).errors.join(), /a list of 0..10000 entries/);
  assert.deepEqual(said(load(`access: {allow: [${networks(6000)}], deny: [${networks(5000)}]}`)).errors, [
    '2 access: expected at most 10000 networks in both lists, got 11000',
  ]);
});

test('what a reload changes of a list is told, of a long one what is new and what is gone', () => {
  const planOf = (access: string) => {
    const { plan, errors } = load(access);
    assert.ok(plan !== null, JSON.stringify(errors));
    return plan;
  };
  const many = ['10.0.0.0/8', '10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16', '10.4.0.0/16'];
  const changed = (from: string, to: string) => planDifference(planOf(from), planOf(to)).changed;
  assert.deepEqual(changed('', 'access: {deny: [10.0.0.0/8]}'), [
    { what: 'default.access.deny', from: null, to: '10.0.0.0/8' },
  ]);
  assert.deepEqual(
    changed(`access: {allow: [${many.join()}]}`, `access: {allow: [${[...many.slice(1), '::1'].join()}]}`),
    [{ what: 'default.access.allow', from: '5 networks', to: '5 networks (+::1 -10.0.0.0/8)' }],
  );
  assert.deepEqual(changed(`access: {allow: [${many.join()}]}`, `access: {allow: [${many.join()}]}`), []);
});

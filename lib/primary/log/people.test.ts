import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peopleText } from './people.ts';

function written(fields: object): string {
  const record = { timestamp: new Date(2026, 0, 2, 9, 30, 0).toISOString(), level: 'INFO', message: 'it is so' };
  return `${JSON.stringify({ ...record, module: 'bal', event: 'x', fields })}\n`;
}

test('a line of the log is a time, a level, a message and facts; what is none stays', () => {
  assert.equal(peopleText(written({ a: 1, b: null, c: 'x y' })), '09:30:00 INFO  it is so  a=1  c=x y\n');
  assert.equal(peopleText(`no JSON\n${written({})}{}\n`), 'no JSON\n09:30:00 INFO  it is so\n{}\n');
});

test('a record whose time is none stays', () => {
  const line = '{"timestamp":"x","level":"INFO","message":"m","fields":{}}\n';
  assert.equal(peopleText(line), line);
});

test('where bal listens is told', () => {
  const services = [
    { name: 'web', bind_address: '::', port: 80 },
    { name: 'db', bind_address: '/run/a.sock', port: 0 },
  ];
  assert.match(peopleText(written({ services })), /so {2}web=\[::\]:80 {2}db=unix:\/run\/a\.sock\n$/);
});

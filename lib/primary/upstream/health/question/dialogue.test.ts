import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import test from 'node:test';
import { ask } from './dialogue.ts';
import type { Question, Verdict } from './question.ts';

test('a check over TLS fails when the file for it is gone', async () => {
  const socket = new Socket();
  const question: Question = {
    tls: { serverName: null, address: '127.0.0.1', verify: true },
    send: null,
    judge: () => assert.fail('nothing is asked'),
  };
  const verdict = await new Promise<Verdict>((resolve) => {
    ask(socket, question, resolve, () => Promise.reject(new Error('ERR_MODULE_NOT_FOUND')));
  });
  assert.deepEqual(verdict, { ok: false, fact: 'the TLS of this bal cannot be loaded; restart bal' });
  assert.equal(socket.destroyed, true);
});

// One question to a connected backend, and its answer.

import type { Socket } from 'node:net';
import { hangUp } from '../../../../hang-up.ts';
import type { Question, Verdict } from './question.ts';

/**
 * Calls `done` at most once, and not when the connection breaks: its owner sees that itself. Ends with a FIN, then reads and
 * discards what the backend still sends for a while, so that it sees no reset.
 */
export function ask(
  socket: Socket,
  question: Question,
  done: (verdict: Verdict) => void,
  load: () => Promise<Pick<typeof import('./tls.ts'), 'secure'>> = () => import('./tls.ts'),
): void {
  const { tls } = question;
  if (tls === null) return converse(socket, question, done);
  let isOver = false;
  const finish = (verdict: Verdict): void => {
    if (!isOver) done(verdict);
    isOver = true;
  };
  // Loaded on demand: most checks do without TLS, and it takes a megabyte.
  void load()
    .then(({ secure }) => {
      if (socket.destroyed) return;
      const ready = (secured: Socket): void => converse(secured, question, finish);
      secure(socket, tls, ready, (fact) => finish({ ok: false, fact }));
    })
    // After a package upgrade, the files of this bal or of the CA certificates may be gone.
    .catch(() => {
      if (socket.destroyed) return;
      socket.destroy();
      finish({ ok: false, fact: 'the TLS of this bal cannot be loaded; restart bal' });
    });
}

function converse(socket: Socket, { send, judge }: Question, done: (verdict: Verdict) => void): void {
  const answer = judge();
  socket.on('data', read);
  socket.once('end', end);
  if (send !== null) socket.write(send);

  function read(bytes: Buffer): void {
    const verdict = answer.read(bytes);
    if (verdict !== null) finish(verdict);
  }

  function end(): void {
    finish(answer.end());
  }

  function finish(verdict: Verdict): void {
    socket.off('data', read);
    socket.off('end', end);
    hangUp(socket);
    done(verdict);
  }
}

// What a client of the usual kinds is here: the program that people use, connected through bal, and the server it is for.
import assert from 'node:assert/strict';
import type { EngineName } from '../harness/engines.ts';
import type { Owner } from '../../lib/testing/owner.ts';
import type { Talk } from '../harness/talk.ts';

export interface Served {
  readonly port: number;
  /** Where its clients find files that they need, '' if they need none. */
  readonly folder: string;
}

export interface Server {
  /** The name of the service in bal. */
  readonly name: string;
  /** Why it cannot be started here, or null. */
  readonly lacks: string | null;
  start(owner: Owner): Promise<Served>;
  /** One for each bal: it has one client at a time, or would mind two bals that check it. */
  readonly isForOne?: true;
}

export interface Place {
  readonly owner: Owner;
  /** Also a name for channels, topics and keys: clients of two bals share a server. */
  readonly engine: EngineName;
  /** bal's port. */
  readonly through: number;
  readonly server: Served;
}

export interface Session {
  /**
   * Does a piece of its work and waits for what must come of it, on the connection it has had from the beginning. Fails
   * with what happened.
   */
  works(): Promise<void>;
}

export interface Kind {
  /** With what it does, as in "psql, at its prompt". */
  readonly name: string;
  readonly server: Server;
  /** Why it cannot be run here, or null. */
  readonly lacks: string | null;
  /** How many it holds from when it is open; 0 for one that connects anew each time. */
  readonly connections: number;
  /** Returns when it has connected, or is about to. */
  open(place: Place): Promise<Session>;
}

/** A client that is told `line` and answers with something like `answer`, whose first group is the same on one connection. */
export async function asking(talk: Talk, line: string, answer: RegExp): Promise<Session> {
  const ask = async (): Promise<string | undefined> => {
    talk.type(line);
    return (await talk.says(answer))[1];
  };
  const first = await ask();
  return {
    async works() {
      assert.equal(await ask(), first, 'it is another connection than before');
    },
  };
}

/** A client that waits for messages; `send` has one sent to it by somebody else. */
export function receiving(talk: Talk, send: (text: string) => Promise<void>): Session {
  let sent = 0;
  return {
    async works() {
      const text = `message-${(sent += 1)}-`;
      await send(text);
      await talk.says(new RegExp(text));
    },
  };
}

/** A client that works at its own pace and tells of it all the time, as in `progress`. */
export function telling(talk: Talk, progress: RegExp, trouble: RegExp): Session {
  return {
    async works() {
      talk.skip();
      // The next one may be about what was before.
      await talk.says(progress);
      await talk.says(progress);
      assert.doesNotMatch(talk.said(), trouble);
    },
  };
}

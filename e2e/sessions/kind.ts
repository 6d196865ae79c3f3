// Defines a client: a widely used program, connected through bal, and its server.
import assert from 'node:assert/strict';
import type { EngineName } from '../harness/engines.ts';
import type { Owner } from '../../lib/testing/owner.ts';
import type { Talk } from '../harness/talk.ts';

export interface Served {
  readonly port: number;
  /** Folder with files its clients need; '' if none. */
  readonly folder: string;
}

export interface Server {
  /** Name of its service in bal. */
  readonly name: string;
  /** Why it cannot run here, or null. */
  readonly lacks: string | null;
  start(owner: Owner): Promise<Served>;
  /** One server per bal: it has one client at a time, or would object to the checks of two bals. */
  readonly isForOne?: true;
}

export interface Place {
  readonly owner: Owner;
  /** Also names channels, topics and keys: clients of two bals share a server. */
  readonly engine: EngineName;
  /** bal's port. */
  readonly through: number;
  readonly server: Served;
}

export interface Session {
  /** Does a piece of work on its original connection and waits for the result. Rejects with what happened. */
  works(): Promise<void>;
}

export interface Kind {
  /** Includes what it does, as in "psql, at its prompt". */
  readonly name: string;
  readonly server: Server;
  /** Why it cannot run here, or null. */
  readonly lacks: string | null;
  /** Number of open connections; 0 for a client that reconnects each time. */
  readonly connections: number;
  /** Resolves when it has connected, or is about to. */
  open(place: Place): Promise<Session>;
}

/** A client that gets `line` and answers like `answer`, whose first group is constant on one connection. */
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

/** A client that waits for messages; `send` makes somebody else send one. */
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

/** A client that works at its own pace and continuously prints lines like `progress`. */
export function telling(talk: Talk, progress: RegExp, trouble: RegExp): Session {
  return {
    async works() {
      talk.skip();
      // The first match may be about the past.
      await talk.says(progress);
      await talk.says(progress);
      assert.doesNotMatch(talk.said(), trouble);
    },
  };
}

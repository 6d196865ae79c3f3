// Clients of the admin listener: for a complete answer, a raw conversation, or the event stream.
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import type { EventRecord } from '../../lib/control/protocol.ts';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { until } from '../../lib/testing/until.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly host?: string;
}

/** Sends one request on a new connection. */
export function ask(port: number, path: string, question: Question = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body = '', host = '127.0.0.1' } = question;
  return new Promise((resolve, reject) => {
    const asking = request({ port, host, path, method, headers, agent: false, timeout: 15_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    asking.on('timeout', () => asking.destroy(new Error(`Cannot get ${path}: no answer in 15 s`)));
    asking.on('error', reject);
    asking.end(body);
  });
}

/** Sends data and returns everything that comes back until the other side closes. */
export function converse(port: number, ...said: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', () => undefined);
    socket.once('end', () => socket.destroy());
    socket.once('close', () => resolve(text));
    for (const part of said) socket.write(part);
  });
}

export interface Followed {
  /** Waits for an event. */
  event(name: string, holds?: (event: EventRecord) => boolean): Promise<EventRecord>;
  /** Waits until the newest message of another kind matches. */
  message(kind: string, holds: (data: unknown) => boolean): Promise<void>;
}

/** Follows /events from now on, until the test is over. */
export async function follow(t: Owner, port: number): Promise<Followed> {
  const events: EventRecord[] = [];
  const latest = new Map<string, unknown>();
  let rest = '';
  await new Promise<void>((resolve, reject) => {
    const asking = request({ port, host: '127.0.0.1', path: '/events', agent: false }, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`Cannot follow: HTTP ${response.statusCode}`));
        return;
      }
      response.setEncoding('utf8');
      response.on('error', () => undefined);
      response.on('data', (text: string) => {
        const messages = (rest + text).split('\n\n');
        rest = messages.pop() ?? '';
        for (const message of messages) take(message);
      });
      resolve();
    });
    asking.on('error', reject);
    asking.end();
    atEnd(t, () => asking.destroy());
  });
  function take(message: string): void {
    const kind = /^event: (.*)$/m.exec(message)?.[1];
    const data = /^data: (.*)$/m.exec(message)?.[1];
    if (kind === undefined || data === undefined) return; // a keepalive
    if (kind !== 'event') latest.set(kind, JSON.parse(data));
    else {
      const event: EventRecord = JSON.parse(data);
      events.push(event);
    }
  }
  return {
    event: (name, holds = () => true) =>
      until(`the stream tells ${name}`, () => events.find((event) => event.event === name && holds(event))),
    message: async (kind, holds) => {
      await until(`the stream tells a ${kind} as wanted`, () => {
        const newest = latest.get(kind);
        return newest !== undefined && holds(newest);
      });
    },
  };
}

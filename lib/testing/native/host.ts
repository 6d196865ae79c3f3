// A process with a native engine, for tests that need their own: with few descriptors, under a sanitizer, with an addon
// that lacks a system call, or to see how it exits. It is forked; the parent sends HostOrder and gets HostAnswer.

import { readdirSync } from 'node:fs';
import { ENDS, REFUSE, WAIT } from '../../engine/engine.ts';
import type { Engine } from '../../engine/engine.ts';
import { boundTcp, localPort } from '../bound.ts';
import type { TcpHandle } from '../../engine/handles.ts';
import { loadNativeEngine } from '../../engine/native.ts';
import { ROWS } from '../../engine/scoreboard.ts';

export interface HostStart {
  readonly kind: 'start';
  /** Ports on 127.0.0.1. Each connection tries them in turn, starting from the next one. */
  readonly backends: readonly number[];
  readonly connectTimeoutMs: number;
  readonly idleMs: number;
  /** What the policy also does: hold some clients, refuse some, throw now and then, cut all now and then. */
  readonly behaviour: 'calm' | 'moody' | 'throws';
  /** Row of the scoreboard at HOSTED_SCOREBOARD_FD. */
  readonly row?: number;
}

/** After stdin, stdout, stderr and the channel. */
export const HOSTED_SCOREBOARD_FD = 4;

export type HostOrder = HostStart | { readonly kind: 'report' } | { readonly kind: 'cut' } | { readonly kind: 'close' };

export interface HostReport {
  readonly kind: 'report';
  readonly accepted: number;
  readonly active: number;
  readonly ends: Readonly<Record<string, number>>;
  readonly exhaustion: Readonly<Record<string, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly descriptors: number;
  readonly uncaught: number;
  readonly cpuMs: number;
}

export type HostAnswer = { readonly kind: 'listening'; readonly port: number } | HostReport;

let engine: Engine | null = null;
let accepted = 0;
let uncaught = 0;
const ends: Record<string, number> = {};

// The same on every run, so that a failure can be reproduced.
let seed = 1;
function random(): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
  return seed / 0x7fffffff;
}

function start({ backends, connectTimeoutMs, idleMs, behaviour, row }: HostStart, handle: TcpHandle): number {
  const loaded = loadNativeEngine();
  if (!loaded.ok) throw new Error(`Cannot load the native engine: ${loaded.reason}`);
  if (row !== undefined) loaded.shareScoreboard(HOSTED_SCOREBOARD_FD, row, ROWS);
  const attempts: number[] = [];
  const firsts: number[] = [];
  const made = loaded.create({
    accepted(connection) {
      accepted++;
      attempts[connection] = 0;
      const first = accepted % backends.length;
      firsts[connection] = first;
      if (behaviour === 'throws' && accepted % 2 === 1) throw new Error('The policy is broken');
      if (behaviour !== 'moody' || random() < 0.9) return first;
      const answer = random() < 0.2 ? REFUSE : first;
      if (random() < 0.3) return REFUSE;
      setTimeout(() => engine?.decide(connection, answer), random() * 20);
      return WAIT;
    },
    failed(connection) {
      const tried = (attempts[connection] ?? 0) + 1;
      attempts[connection] = tried;
      return tried < backends.length ? ((firsts[connection] ?? 0) + tried) % backends.length : REFUSE;
    },
    connected() {
      if (behaviour === 'throws' && accepted % 4 === 0) throw new Error('The policy is broken');
    },
    ended(_connection, end) {
      ends[ENDS[end]] = (ends[ENDS[end]] ?? 0) + 1;
    },
  });
  engine = made;
  made.service(0, { connectTimeoutMs, idleMs, keepaliveMs: 0, halfClosedMs: idleMs });
  for (const [target, port] of backends.entries()) made.route(target, 0, '127.0.0.1', port);
  const port = localPort(handle);
  made.listen(0, handle, { backlog: 4096, keepaliveMs: 0 });
  return port;
}

function report(): HostReport {
  const bytes = engine?.bytes ?? [];
  let [bytesIn, bytesOut] = [0, 0];
  for (let i = 0; i < bytes.length; i += 2) {
    bytesIn += bytes[i] ?? 0;
    bytesOut += bytes[i + 1] ?? 0;
  }
  const { user, system } = process.cpuUsage();
  return {
    kind: 'report',
    accepted,
    active: engine?.active ?? 0,
    ends,
    exhaustion: engine?.exhaustion() ?? {},
    bytesIn,
    bytesOut,
    descriptors: countDescriptors(),
    uncaught,
    cpuMs: (user + system) / 1000,
  };
}

/** −1 when there is no descriptor left to list them with. */
function countDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return -1;
  }
}

function answer(message: HostAnswer): void {
  process.send?.(message);
}

function obey(order: HostOrder, handle?: TcpHandle): void {
  switch (order.kind) {
    case 'start':
      answer({ kind: 'listening', port: start(order, handle ?? boundTcp('127.0.0.1', 0)) });
      break;
    case 'report':
      answer(report());
      break;
    case 'cut':
      engine?.cut({ listener: 0 });
      break;
    case 'close':
      engine?.close();
      engine = null;
      process.disconnect();
  }
}

process.on('uncaughtException', (error) => {
  uncaught++;
  if (error.message !== 'The policy is broken') throw error;
});
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the parent is one of our tests
process.on('message', (message, handle) => obey(message as HostOrder, handle as TcpHandle | undefined));

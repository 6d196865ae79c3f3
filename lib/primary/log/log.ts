// The log: one JSON object a line, keys in the order of the contract. The primary is the only process that writes it;
// workers send theirs to it. Nothing that happens to the log (full disk, removed directory, a terminal that
// went away) may reach the traffic: lines are then dropped and counted.

import { pino } from 'pino';

import type { LogLevel } from '../../../config/plan.ts';
import type { Events } from './events.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** Where finished lines go. Never throws, never blocks. */
export interface Sink {
  /** One line or more, each with its line feed; bytes are the sink's from now on. */
  write(lines: string | Buffer): void;
  /** Opens the file again, for logrotate. */
  reopen(): void;
  /** Writes out what is waiting, as far as it is taken within a moment; the last call. */
  close(): Promise<void>;
  /** Lines lost so far. */
  readonly dropped: number;
  /** Where lines go right now; null for stdout, and while there is no file. */
  readonly file: string | null;
  /** What is wrong right now: why lines are being lost, or why old files stay. null while all is well. */
  readonly fault: string | null;
}

export interface Log {
  /** A function is called only where somebody wants to read it. */
  debug(event: string, message: string, fields?: Fields | (() => Fields)): void;
  info(event: string, message: string, fields?: Fields): void;
  warn(event: string, message: string, fields?: Fields): void;
  error(event: string, message: string, fields?: Fields): void;
  /** The same log under another module name. */
  for(module: string): Log;
}

export interface RootLog extends Log {
  /** Writes lines that are already in the log's format, each with its line feed. */
  finished(lines: Buffer): void;
  setLevel(level: LogLevel): void;
}

const LEVELS = { info: 'INFO', warn: 'WARN', error: 'ERROR' } as const;

/** Every line goes through here. `event` is a stable name, `fields` hold the facts. What is worth more than debug is an event too. */
export function createLog(sink: Sink, level: LogLevel, events: Events): RootLog {
  const root = pino(
    {
      level,
      base: null,
      // pino begins a line with its level, and the contract with the timestamp. So pino's level is empty, the timestamp has
      // no comma before it, and the level is the first of the keys that follow.
      formatters: { level: () => ({}) },
      timestamp: () => `"timestamp":"${new Date().toISOString()}"`,
    },
    { write: (line) => sink.write(line) },
  );

  function named(module: string): Log {
    const write = (at: LogLevel, event: string, message: string, fields: Fields): void => {
      root[at]({ level: at.toUpperCase(), message, module, event, fields });
    };
    const say = (at: 'info' | 'warn' | 'error', event: string, message: string, fields: Fields): void => {
      events.add({ level: LEVELS[at], message, module, event, fields });
      write(at, event, message, fields);
    };
    return {
      debug(event, message, fields = {}) {
        if (!root.isLevelEnabled('debug')) return;
        write('debug', event, message, typeof fields === 'function' ? fields() : fields);
      },
      info: (event, message, fields = {}) => say('info', event, message, fields),
      warn: (event, message, fields = {}) => say('warn', event, message, fields),
      error: (event, message, fields = {}) => say('error', event, message, fields),
      for: named,
    };
  }

  return {
    ...named('bal'),
    finished: (lines) => sink.write(lines),
    setLevel(next) {
      root.level = next;
    },
  };
}

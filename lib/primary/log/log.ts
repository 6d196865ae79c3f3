// The log: one JSON object per line, keys in the order of the contract. Only the primary writes it; workers send it their lines.
// Trouble with the log (full disk, removed directory, closed terminal) must not affect traffic: lines are dropped and counted.

import { pino } from 'pino';

import type { LogLevel } from '../../../config/plan.ts';
import type { Events } from './events.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** Where finished lines go. Never throws, never blocks. */
export interface Sink {
  /** Writes one or more lines, each with its line feed. The sink owns a passed buffer from then on. */
  write(lines: string | Buffer): void;
  /** Opens the file again, for logrotate. */
  reopen(): void;
  /** Flushes the buffer as far as possible within a moment. The last call. */
  close(): Promise<void>;
  /** Lines lost so far. */
  readonly dropped: number;
  /** The current file; null for stdout and while there is none. */
  readonly file: string | null;
  /** The current fault: why lines are lost, or why old files stay. Null if there is none. */
  readonly fault: string | null;
}

export interface Log {
  /** `fields` as a function is called only if the level is enabled. */
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

/** Creates the log. `event` is a stable name, `fields` hold the facts. Everything above debug is also kept as an event. */
export function createLog(sink: Sink, level: LogLevel, events: Events): RootLog {
  const root = pino(
    {
      level,
      base: null,
      // pino puts the level first, the contract the timestamp. So pino's level is empty, the timestamp has no comma before
      // it, and the level is the first of the keys that follow.
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

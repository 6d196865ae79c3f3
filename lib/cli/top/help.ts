// The help screen of `bal top`: keys and glossary. Pure.

import { GLOSSARY } from '../../view/glossary.ts';
import type { Io } from '../command.ts';
import { paint } from '../report.ts';
import { wrapped } from './fit.ts';

const KEYS = [
  ['q', 'quit (also Escape and Ctrl-C)'],
  ['?', 'this help, and back'],
  ['s', 'sort: worst first, as configured, by open, by conn/s, by bytes'],
  ['up down', 'scroll; also Page Up, Page Down, Home, End'],
  ['left right', 'other columns, where not all fit (+3 → in the head says how many)'],
] as const;

export function help(columns: number, io: Io): string[] {
  return [...section(KEYS, 10, columns, io), '', ...section(GLOSSARY, 8, columns, io)];
}

function section(
  entries: readonly (readonly [string, string])[],
  width: number,
  columns: number,
  io: Io,
): readonly string[] {
  return entries.flatMap(([word, meaning]) => {
    const [first = '', ...rest] = wrapped(meaning, columns - width - 2);
    const indent = ' '.repeat(width + 2);
    return [
      `${paint(io, 'bold', word)}${' '.repeat(width + 2 - word.length)}${first}`,
      ...rest.map((line) => indent + line),
    ];
  });
}

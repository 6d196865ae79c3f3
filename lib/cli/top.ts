// `bal top`: a live view over the control socket. On a terminal it redraws every second on the alternate screen and handles
// keys; elsewhere it prints a plain block every second until nobody reads it.

import { setTimeout as sleep } from 'node:timers/promises';

import type { EventRecord } from '../control/protocol.ts';
import { home } from '../paths.ts';
import type { ExitCode, Io } from './command.ts';
import { isEvent } from './events.ts';
import { PATIENCE_MS, isStatus, reach, type Reached } from './reach.ts';
import { printDiagnosis } from './report.ts';
import { observe, type History } from '../control/rates.ts';
import { keysIn, wholeIn, type Key } from './top/keys.ts';
import { BACKEND_COLUMNS } from '../view/columns.ts';
import { lastShift } from './top/grid.ts';
import { furthest, screen, type View } from './top/screen.ts';
import { SORTS, type Sort } from './top/sort.ts';

const REFRESH_MS = 1000;
/** How long the rest of an escape sequence may take; the Escape key alone has none. */
const ESCAPE_MS = 50;
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';

/** 0: ended by the operator or the reader; 1: no usable answer; 3: not running at the start. */
export async function top(io: Io): Promise<ExitCode> {
  const first = await look(null);
  if (first.history === null) {
    if (first.reached.kind !== 'answered') printDiagnosis(io, first.reached.problem);
    return first.reached.kind === 'not_running' ? 3 : 1;
  }
  return isScreen() ? live(first.history, io) : plain(first.history, io);
}

/** Whether the locale says that the terminal supports more than ASCII (locale(7): the first variable that is set). */
function isUnicode({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv = process.env): boolean {
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '');
  return /utf-?8/i.test(locale ?? '');
}

/** The view before any key is pressed. */
const PLAIN: Omit<View, 'history' | 'events' | 'now'> = {
  sort: 'worst',
  size: null,
  scroll: 0,
  shift: 0,
  isHelp: false,
  lostAt: null,
  isUnicode: isUnicode(),
};

/** Whether there are a screen and a keyboard. */
function isScreen(): boolean {
  return process.stdout.isTTY && process.stdin.isTTY && process.env['TERM'] !== 'dumb';
}

interface Look {
  readonly reached: Reached;
  readonly history: History | null;
}

async function look(before: History | null): Promise<Look> {
  const reached = await reach(home(), 'GET', '/status', PATIENCE_MS);
  const found = reached.kind === 'answered' && isStatus(reached.body);
  return { reached, history: found ? observe(before, reached.body, performance.now()) : null };
}

async function lastEvents(): Promise<readonly EventRecord[]> {
  const reached = await reach(home(), 'GET', '/events', PATIENCE_MS);
  return reached.kind === 'answered' && Array.isArray(reached.body) ? reached.body.filter(isEvent) : [];
}

async function plain(first: History, io: Io): Promise<ExitCode> {
  let gone = false;
  process.stdout.on('error', () => {
    gone = true;
  });
  let history: History | null = first;
  while (!gone) {
    if (history === null) io.out('bal does not answer');
    else {
      const view = { ...PLAIN, history, events: await lastEvents(), now: Date.now() };
      for (const line of screen(view, io)) io.out(line);
    }
    io.out('');
    await sleep(REFRESH_MS);
    history = (await look(history)).history;
  }
  return 0;
}

async function live(first: History, io: Io): Promise<ExitCode> {
  const { stdin, stdout } = process;
  const end = new AbortController();
  let sort: Sort = 'worst';
  let history: History = first;
  let events: readonly EventRecord[] = [];
  let lostAt: number | null = null;
  let scroll = 0;
  let shift = 0;
  let isHelp = false;

  // A terminal that does not know its size reports 0 (a serial line, some containers).
  const rows = (): number => stdout.rows || 24;
  const view = (): View => {
    const size = { columns: stdout.columns || 80, rows: rows() - 1 };
    return { ...PLAIN, history, events, sort, size, scroll, shift, isHelp, lostAt, now: Date.now() };
  };
  const draw = (): void => {
    const lines = screen(view(), io);
    stdout.write(HOME + lines.map((line) => `${line}${REST_OF_LINE}\n`).join('') + REST_OF_SCREEN);
  };
  const press = (key: Key): void => {
    const most = furthest(view(), io);
    const page = Math.max(1, rows() - 6);
    const to = (line: number): number => Math.min(Math.max(0, line), most);
    switch (key) {
      case 'quit':
        return end.abort();
      case 'sort':
        sort = SORTS[(SORTS.indexOf(sort) + 1) % SORTS.length] ?? 'worst';
        return;
      case 'help':
        isHelp = !isHelp;
        scroll = 0;
        return;
      case 'left':
        shift = Math.max(0, shift - 1);
        return;
      case 'right':
        shift = Math.min(shift + 1, lastShift(BACKEND_COLUMNS) + 1);
        return;
      case 'up':
        scroll = to(to(scroll) - 1);
        return;
      case 'down':
        scroll = to(scroll + 1);
        return;
      case 'page_up':
        scroll = to(to(scroll) - page);
        return;
      case 'page_down':
        scroll = to(scroll + page);
        return;
      case 'start':
        scroll = 0;
        return;
      case 'end':
        scroll = most;
    }
  };
  let begun = '';
  let escape: NodeJS.Timeout | undefined;
  const take = (text: string): void => {
    for (const key of keysIn(text)) press(key);
    draw();
  };
  const keys = (data: Buffer): void => {
    clearTimeout(escape);
    const sent = wholeIn(begun + data.toString());
    begun = sent.begun;
    take(sent.whole);
    if (begun === '') return;
    escape = setTimeout(() => {
      const alone = begun;
      begun = '';
      take(alone);
    }, ESCAPE_MS);
  };
  const stop = (): void => end.abort();
  const restore = (): void => {
    stdout.write(LEAVE);
  };

  stdout.write(ENTER);
  // Also on an exception: a terminal left on the alternate screen without a cursor is useless.
  process.once('exit', restore);
  stdin.setRawMode(true);
  stdin.on('data', keys);
  stdout.on('resize', draw);
  process.on('SIGTERM', stop);
  process.on('SIGHUP', stop);
  try {
    while (!end.signal.aborted) {
      events = await lastEvents();
      draw();
      await sleep(REFRESH_MS, undefined, { signal: end.signal }).catch(() => undefined);
      if (end.signal.aborted) break;
      const next = await look(history);
      // During a restart, keep the last figures and say so.
      lostAt = next.history === null ? (lostAt ?? Date.now()) : null;
      history = next.history ?? history;
    }
  } finally {
    stdin.off('data', keys);
    clearTimeout(escape);
    stdin.setRawMode(false);
    stdin.pause();
    stdout.off('resize', draw);
    process.off('SIGTERM', stop);
    process.off('SIGHUP', stop);
    process.off('exit', restore);
    restore();
  }
  return 0;
}

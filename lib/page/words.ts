// The texts of the page. Pure.

import type { Readiness, ServiceStatus, Status } from '../control/protocol.ts';
import { duration } from '../units.ts';
import { moment } from '../view/clock.ts';
import { instanceName } from '../view/figures.ts';
import { instanceShown, upCounts, type Tone } from '../view/state.ts';
import type { Link, Timeline } from './model.ts';

export interface LinkWords {
  readonly text: string;
  readonly tone: Tone;
}

/** `pausedAt` is in ms of the wall clock, null if the page is not paused. A lost connection is always shown. */
export function linkWords(link: Link, pausedAt: number | null, now: number): LinkWords {
  switch (link.kind) {
    case 'connecting':
      return { text: 'Connecting …', tone: 'odd' };
    case 'lost':
      return { text: `Not connected since ${moment(link.since, now)}; these are the last figures`, tone: 'bad' };
    case 'connected':
      if (pausedAt === null) return { text: 'Live', tone: 'good' };
      return { text: `Paused at ${moment(pausedAt, now)}; bal goes on`, tone: 'odd' };
  }
}

/** The instance and its state, so that narrow browser tabs can be told apart. */
export function titleOf(status: Status | null, link: Link): string {
  const name = status === null ? '' : instanceName(status);
  const own = name === '' ? 'bal' : `${name} - bal`;
  if (link.kind === 'lost') return `not connected: ${own}`;
  if (status === null) return own;
  const { up, total } = upCounts(status.services);
  const { text, tone } = instanceShown(status);
  return tone === 'good' ? own : `${text}, ${up} of ${total} up: ${own}`;
}

/** Null while load balancers in front may send clients here. */
export function unreadyText(readiness: Readiness | null): string | null {
  if (readiness === null || readiness.ready) return null;
  return `Not ready, so /readyz answers 503: ${readiness.reasons.join('; ')}`;
}

/** Why connections have ended, the most frequent reason first; null if none has. */
export function endsSentence(ends: ServiceStatus['ends']): string | null {
  const seen = Object.entries(ends ?? {}).filter(([, count]) => count > 0);
  if (seen.length === 0) return null;
  const sorted = seen.sort(([, a], [, b]) => b - a).map(([reason, count]) => `${reason} ${count}`);
  return `Connections ended: ${sorted.join(', ')}`;
}

/** The points are slightly more than 1 s apart. */
const NEARLY = 0.95;

/** The time that the charts show: `The last 48 s, as far back as this page has seen`. `whole` is in seconds. */
export function spanText({ at }: Pick<Timeline, 'at'>, whole: number): string {
  const [first, last] = [at[0], at.at(-1)];
  if (first === undefined || last === undefined) return '';
  const span = last - first;
  const limit = span >= NEARLY * whole ? '' : ', as far back as this page has seen';
  return `The last ${duration(Math.max(1000, span * 1000))}${limit}`;
}

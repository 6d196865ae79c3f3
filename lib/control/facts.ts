// Facts that fit on a line, for every place that shows them. Pure, and runs in a browser.

import type { Change } from '../../config/diff.ts';
import { counted, duration } from '../units.ts';
import type { LiveChange } from './backends.ts';
import type { DrainingStatus, EventRecord } from './protocol.ts';

const ADVICE = new Set(['what_happened', 'why_likely', 'do_this_now']);

/** `key=value` for plain values, and the changes of a reload; not the advice, which consists of sentences. */
export function factsOf({ fields }: Pick<EventRecord, 'fields'>): string[] {
  return Object.entries(fields).flatMap(([key, value]) => {
    if (ADVICE.has(key)) return [];
    if (['string', 'number', 'boolean'].includes(typeof value)) return [`${key}=${String(value)}`];
    return Array.isArray(value) ? value.filter(isChange).map(changeText) : [];
  });
}

/** The advice of an event; `what` is null if its message already says it. */
export interface Advice {
  readonly what: string | null;
  readonly why: string;
  readonly act: string;
}

export function adviceOf({ message, fields }: Pick<EventRecord, 'message' | 'fields'>): Advice | null {
  const { what_happened: what, why_likely: why, do_this_now: act } = fields;
  if (typeof why !== 'string' || typeof act !== 'string') return null;
  return { what: typeof what === 'string' && !message.includes(what) ? what : null, why, act };
}

export function changeText({ what, from, to }: Change): string {
  if (from === null) return `${what}: added, ${to ?? ''}`;
  return to === null ? `${what}: removed, was ${from}` : `${what}: ${from} → ${to}`;
}

/** `3 connections go on in 2 old workers, until they end`; null if there are none, or a bal of another version sends nothing. */
export function drainingText(
  draining: DrainingStatus | null | undefined,
  timeOf: (until: string) => string = (until) => until,
): string | null {
  if (draining === null || draining === undefined || draining.connections === 0) return null;
  const { connections, workers, generations, until } = draining;
  const what = `${counted(connections, 'connection')} ${connections === 1 ? 'goes' : 'go'} on`;
  const where = `in ${counted(workers, 'old worker')}${generations > 1 ? ` of ${generations} generations` : ''}`;
  const end = `until ${connections === 1 ? 'it ends' : 'they end'}`;
  return `${what} ${where}, ${until === null ? end : `${end}, and no longer than ${timeOf(until)}`}`;
}

/** `drained since 2026-01-01T00:00:00.000Z (5 min ago)`. */
export function sinceText({ text, since }: Pick<LiveChange, 'text' | 'since'>, now = Date.now()): string {
  return `${text} since ${since} (${duration(Math.max(0, now - Date.parse(since)))} ago)`;
}

/** Includes the backend. */
function liveChangeText(change: LiveChange): string {
  return `${change.service} ${change.address}: ${sinceText(change)}`;
}

/** One line each; a bal of another version may send none. */
export function liveChangeLines(changes: readonly LiveChange[] | undefined): string[] {
  return (changes ?? []).map((change) => liveChangeText(change));
}

function isChange(value: unknown): value is Change {
  return typeof value === 'object' && value !== null && 'what' in value && 'from' in value && 'to' in value;
}

// The facts of an event as they fit on a line, for every place that shows events. Pure, and fit for a browser.

import type { Change } from '../../config/diff.ts';
import type { EventRecord } from './protocol.ts';

/** `key=value` for plain values, and what a reload has changed. */
export function factsOf({ fields }: Pick<EventRecord, 'fields'>): string[] {
  return Object.entries(fields).flatMap(([key, value]) => {
    if (['string', 'number', 'boolean'].includes(typeof value)) return [`${key}=${String(value)}`];
    return Array.isArray(value) ? value.filter(isChange).map(changeText) : [];
  });
}

export function changeText({ what, from, to }: Change): string {
  if (from === null) return `${what}: added, ${to ?? ''}`;
  return to === null ? `${what}: removed, was ${from}` : `${what}: ${from} → ${to}`;
}

function isChange(value: unknown): value is Change {
  return typeof value === 'object' && value !== null && 'what' in value && 'from' in value && 'to' in value;
}

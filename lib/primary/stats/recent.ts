// The recent outcomes of clients, for texts like "46 of the last 50". Covers the last minute or, if fewer than 20 clients came in
// it, as much more as holds 20, up to 10 minutes, so that a rarely used service has evidence too. No I/O; time is an argument and
// monotonic. One mutable Recent per service and per backend, owned by statistics.ts, because every worker reports twice a second.

import type { RecentStatus } from '../../control/protocol.ts';
import { FAILURES } from '../../control/recent.ts';
import { REASONS, TURNED_AWAY } from '../../ipc/reasons.ts';
import type { OutcomeKind } from './outcomes.ts';

export const WINDOW_MS = 60_000;
const FEW = 20;
const LONGEST_MS = 600_000;
/** The window moves in steps, so entries are forgotten at most this much late. */
const STEP_MS = 5000;

/**
 * At least this many clients, and this share of all, must have failed: one failure among hundreds is no trouble yet, nor is a
 * single client.
 */
const MIN_FAILING = 5;
const MIN_SHARE = 0.05;

const FAILED: ReadonlySet<string> = new Set<OutcomeKind>(FAILURES);
/** Checks and cool-downs also see these failed connects of a backend, and see when it recovers, so they judge it. */
const SEEN_BY_CHECKS: ReadonlySet<string> = new Set<OutcomeKind>(['refused', 'timeout', 'other']);
/** Details of what is already counted, or clients that were not welcome: many of those would hide the failures of the others. */
const DETAILS: ReadonlySet<string> = new Set<OutcomeKind>([
  'reset_early',
  'local_clients',
  ...TURNED_AWAY.filter((reason) => reason !== 'overload'),
]);
const SHOWN = new Set<string>([...REASONS, ...FAILED]);

interface Sums {
  ended: number;
  failed: number;
  /** Of the failed ones, those that no check sees. */
  unseen: number;
}

interface Span extends Sums {
  /** Monotonic; the span is a step long. */
  readonly from: number;
  readonly counts: Record<string, number>;
}

export interface Recent extends Sums {
  /** Oldest first; the sums are over these. */
  readonly spans: Span[];
  /** The first failure after a window without any, and the last one. Date.now(), for display only. */
  first: number | null;
  last: number | null;
  /** The last one that no check sees; monotonic. */
  unseenAt: number;
}

export function createRecent(): Recent {
  return { spans: [], ended: 0, failed: 0, unseen: 0, first: null, last: null, unseenAt: -Infinity };
}

/** Counts `count` more outcomes: an OutcomeKind, or a resource that this machine was short of. `wall` is Date.now(). */
export function note(recent: Recent, what: string, count: number, now: number, wall: number): void {
  forget(recent, now);
  if (recent.failed === 0) recent.first = null;
  const span = spanAt(recent, now);
  span.counts[what] = (span.counts[what] ?? 0) + count;
  if (DETAILS.has(what)) return;
  const failed = FAILED.has(what) ? count : 0;
  const unseen = SEEN_BY_CHECKS.has(what) ? 0 : failed;
  for (const sums of [span, recent]) {
    sums.ended += count;
    sums.failed += failed;
    sums.unseen += unseen;
  }
  if (unseen > 0) recent.unseenAt = now;
  if (failed === 0) return;
  recent.first ??= wall;
  recent.last = wall;
}

/** All counts in the window, by kind. */
export function countsOf(recent: Recent, now: number): Record<string, number> {
  forget(recent, now);
  const counts: Record<string, number> = {};
  for (const span of recent.spans) {
    for (const [what, count] of Object.entries(span.counts)) counts[what] = (counts[what] ?? 0) + count;
  }
  return counts;
}

export function recentStatus(recent: Recent, now: number): RecentStatus {
  const counts = countsOf(recent, now);
  const { spans, ended, failed, unseen, unseenAt, first, last } = recent;
  const windowMs = Math.max(WINDOW_MS, Math.round(now - (spans[0]?.from ?? now)));
  const time = (wall: number | null): string | null =>
    failed === 0 || wall === null ? null : new Date(wall).toISOString();
  return {
    window_ms: windowMs,
    ended,
    failed,
    // Not failing any more if the later half of the window has no failure: it was an incident.
    failing: unseen >= MIN_FAILING && unseen >= ended * MIN_SHARE && now - unseenAt <= windowMs / 2,
    by_reason: Object.fromEntries(Object.entries(counts).filter(([what]) => SHOWN.has(what))),
    reset_early: counts['reset_early'] ?? 0,
    local: counts['local_clients'] ?? counts['local'] ?? 0,
    since: time(first),
    last: time(last),
  };
}

/** Forgets what lies before the window. */
function forget(recent: Recent, now: number): void {
  const { spans } = recent;
  for (let oldest = spans[0]; oldest !== undefined; oldest = spans[0]) {
    const over = oldest.from + STEP_MS;
    const isWanted = recent.ended - oldest.ended < FEW && over > now - LONGEST_MS;
    if (over > now - WINDOW_MS || isWanted) return;
    recent.ended -= oldest.ended;
    recent.failed -= oldest.failed;
    recent.unseen -= oldest.unseen;
    spans.shift();
  }
}

function spanAt({ spans }: Recent, now: number): Span {
  const last = spans.at(-1);
  if (last !== undefined && now < last.from + STEP_MS) return last;
  const span = { from: now, counts: {}, ended: 0, failed: 0, unseen: 0 };
  spans.push(span);
  return span;
}

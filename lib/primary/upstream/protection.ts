// Protection mode of one service: on while failures are a storm or no backend is left, off after a run of successes.
// Pure; the owner is services.ts, which keeps the latest Protection and puts `guarded` into the snapshots.

import type { ProtectionStatus } from '../../control/protocol.ts';
import type { Runtime } from '../../../config/plan.ts';
import type { ConnectFailure } from '../../engine/engine.ts';
import { unreachable } from '../../unreachable.ts';

export type ProtectionSettings = Pick<Runtime, 'protectionTrigger' | 'protectionWindowMs' | 'protectionStable'>;

/**
 * Failures must be at least this share of the attempts. The trigger alone is a dozen failures within half a minute, which a
 * balancer with thousands of clients a second sees whenever one of many backends restarts; failover handles that. From 1 in 10
 * on, the retries themselves add noticeable load to the other backends.
 */
export const MIN_SHARE = 0.1;

/**
 * Protection stays on at least this long. Under traffic a run of successes takes milliseconds, but failures are only reported as
 * checks and counters arrive, up to 1 s apart. Without a minimum, the mode would flap at that rhythm. 5 s is long enough to tell
 * calm from a pause, and still short beside the window.
 */
export const MIN_DWELL_MS = 5000;

/** The window moves in steps of a tenth, so its cost does not depend on the number of connects. */
const STEPS = 10;

interface Span {
  /** Monotonic; a span is a tenth of the window long. */
  readonly from: number;
  readonly attempts: number;
  readonly failures: number;
}

type Mode =
  | { readonly kind: 'normal' }
  | {
      readonly kind: 'guarded';
      readonly since: number;
      readonly sinceWall: number;
      readonly reason: string;
      /** Successes in a row. */
      readonly run: number;
    };

export interface Protection {
  readonly settings: ProtectionSettings;
  /** Oldest first. Together they cover the window and at most one more span. */
  readonly spans: readonly Span[];
  readonly mode: Mode;
  readonly backends: { readonly up: number; readonly total: number; readonly settled: boolean };
}

export type ProtectionEvent =
  /** Clients' successful connects since the last such event. */
  | { readonly kind: 'connected'; readonly count: number }
  /** A worker's report. `inUse`: the backend was not down. */
  | {
      readonly kind: 'connect_failed';
      readonly cause: ConnectFailure;
      readonly count: number;
      readonly inUse: boolean;
    }
  /** The result of a health check. `inUse`: the backend was not down before it. */
  | { readonly kind: 'checked'; readonly ok: boolean; readonly inUse: boolean }
  /** How many backends are up, and whether all have had a first result. Sent after every check that may have changed it. */
  | { readonly kind: 'backends'; readonly up: number; readonly total: number; readonly settled: boolean }
  /** Time has passed. Sent about once a second while guarded. */
  | { readonly kind: 'tick' };

export interface ProtectionView {
  readonly enabled: boolean;
  readonly reason: string | null;
  /** Wall clock, ms since 1970. */
  readonly since: number | null;
  readonly exitCondition: string | null;
}

export function createProtection(settings: ProtectionSettings): Protection {
  return { settings, spans: [], mode: { kind: 'normal' }, backends: { up: 0, total: 0, settled: false } };
}

/** Applies one event. `wall` is Date.now(); `transition` is set when the mode changed. */
export function step(
  before: Protection,
  event: ProtectionEvent,
  now: number,
  wall: number,
): { protection: Protection; transition: 'on' | 'off' | null } {
  const after = observe(before, event, now);
  if (after.mode.kind === 'guarded') {
    if (!isOver(after, after.mode, now)) return { protection: after, transition: null };
    // Start with an empty window, or the old failures would turn it on again at once.
    return { protection: { ...after, spans: [], mode: { kind: 'normal' } }, transition: 'off' };
  }
  const reason = reasonFor(after, now);
  if (reason === null) return { protection: after, transition: null };
  const mode: Mode = { kind: 'guarded', since: now, sinceWall: wall, reason, run: 0 };
  return { protection: { ...after, mode }, transition: 'on' };
}

/** After a reload: keeps the mode and the window, takes the new settings. */
export function reconfigure(protection: Protection, settings: ProtectionSettings): Protection {
  return { ...protection, settings };
}

export function isGuarded(protection: Protection): boolean {
  return protection.mode.kind === 'guarded';
}

/** What an operator sees: since when, why, and what will end it. */
export function describe({ mode, settings, backends }: Protection, now: number): ProtectionView {
  if (mode.kind === 'normal') return { enabled: false, reason: null, since: null, exitCondition: null };
  const left = Math.ceil((mode.since + MIN_DWELL_MS - now) / 1000);
  const conditions = [
    `${settings.protectionStable} successful checks or connects in a row (${mode.run} so far)`,
    ...(left > 0 ? [`${left} s more`] : []),
    backends.up > 0 ? `a backend up (${backends.up} of ${backends.total} now)` : 'a backend up (none now)',
  ];
  return { enabled: true, reason: mode.reason, since: mode.sinceWall, exitCondition: conditions.join(', ') };
}

/** The form that `status` shows; null if there is no such service. */
export function protectionStatus(protection: Protection | null, now: number): ProtectionStatus {
  if (protection === null) return { enabled: false, reason: null, since: null, exit_condition: null };
  const { enabled, reason, since, exitCondition } = describe(protection, now);
  const sinceText = since === null ? null : new Date(since).toISOString();
  return { enabled, reason, since: sinceText, exit_condition: exitCondition };
}

function observe(protection: Protection, event: ProtectionEvent, now: number): Protection {
  switch (event.kind) {
    case 'connected':
      if (!(event.count >= 1)) return protection;
      return succeed(countIn(protection, event.count, 0, now), event.count);
    case 'connect_failed': {
      if (event.cause === 'local' || !(event.count >= 1)) return protection;
      const storm = event.cause === 'refused' || event.cause === 'timeout';
      const counted = countIn(protection, event.count, storm ? event.count : 0, now);
      return event.inUse ? breakRun(counted) : counted;
    }
    case 'checked':
      if (event.ok) return succeed(protection, 1);
      return event.inUse ? breakRun(protection) : protection;
    case 'backends':
      return { ...protection, backends: { up: event.up, total: event.total, settled: event.settled } };
    case 'tick':
      return protection;
    default:
      return unreachable(event);
  }
}

function reasonFor(protection: Protection, now: number): string | null {
  const { backends, settings } = protection;
  if (backends.settled && backends.up === 0 && backends.total > 0) {
    return backends.total === 1 ? 'the only backend is down' : `all ${backends.total} backends are down`;
  }
  const { attempts, failures } = inWindow(protection, now);
  const trigger = settings.protectionTrigger;
  if (failures < trigger || failures < attempts * MIN_SHARE) return null;
  const seconds = settings.protectionWindowMs / 1000;
  return (
    `${failures} of ${attempts} connects within ${seconds} s met a refused connection or timed out ` +
    `(threshold: ${trigger}, and ${MIN_SHARE * 100} % of the connects)`
  );
}

function isOver(protection: Protection, mode: Extract<Mode, { kind: 'guarded' }>, now: number): boolean {
  const { backends, settings } = protection;
  return mode.run >= settings.protectionStable && now >= mode.since + MIN_DWELL_MS && backends.up > 0;
}

function inWindow({ spans, settings }: Protection, now: number): { attempts: number; failures: number } {
  let attempts = 0;
  let failures = 0;
  for (const span of spans) {
    if (isPast(span, settings, now)) continue;
    attempts += span.attempts;
    failures += span.failures;
  }
  return { attempts, failures };
}

function countIn(protection: Protection, attempts: number, failures: number, now: number): Protection {
  const spans = protection.spans.filter((span) => !isPast(span, protection.settings, now));
  const last = spans.at(-1);
  if (last !== undefined && now < last.from + protection.settings.protectionWindowMs / STEPS) {
    spans[spans.length - 1] = {
      from: last.from,
      attempts: last.attempts + attempts,
      failures: last.failures + failures,
    };
  } else {
    spans.push({ from: now, attempts, failures });
  }
  return { ...protection, spans };
}

/** Whether a span is wholly outside the window. A failure is forgotten at most a tenth of the window late, never early. */
function isPast(span: Span, { protectionWindowMs }: ProtectionSettings, now: number): boolean {
  return span.from + protectionWindowMs / STEPS <= now - protectionWindowMs;
}

function succeed(protection: Protection, count: number): Protection {
  const { mode } = protection;
  return mode.kind === 'normal' ? protection : { ...protection, mode: { ...mode, run: mode.run + count } };
}

function breakRun(protection: Protection): Protection {
  const { mode } = protection;
  return mode.kind === 'normal' || mode.run === 0 ? protection : { ...protection, mode: { ...mode, run: 0 } };
}

// What came of the last clients, as one line for every place that shows it. Pure, and runs in a browser. Fields may be missing: a
// bal of an older version may still run.

import type { RecentStatus } from './protocol.ts';

type Maybe = RecentStatus | null | undefined;

/** `46 of the last 50 clients failed since …: backend_reset 46`; null when none did. */
export function failuresText(recent: Maybe, whose: 'clients' | 'connections'): string | null {
  if (recent === null || recent === undefined || recent.failed === 0) return null;
  const { ended, failed, by_reason, since } = recent;
  const reasons = FAILURES.flatMap((reason) =>
    (by_reason[reason] ?? 0) > 0 ? [`${causeText(reason)} ${by_reason[reason]}`] : [],
  );
  return `${failed} of the last ${ended} ${whose} failed since ${since ?? '?'}: ${reasons.join(', ')}`;
}

/** `92 %`; null when none failed. Never rounds a share down to 0 %. */
export function failedShare(recent: Maybe): string | null {
  if (recent === null || recent === undefined || recent.failed === 0) return null;
  return `${Math.max(1, Math.round((100 * recent.failed) / recent.ended))} %`;
}

/**
 * What counts as a failure, in display order. A client's own reset is no failure: many programs end that way. Neither is what bal
 * cut: it had lasted.
 */
export const CLIENT_FAILURES = [
  'backend_reset',
  'connect_failed',
  'no_backend',
  'overload',
  'bad_proxy_header',
  'first_bytes_timeout',
] as const;

/** Also those of connects to backends. */
export const FAILURES = [...CLIENT_FAILURES, 'refused', 'timeout', 'other', 'local'] as const;

/** The cause of a failed connect or check, for people: `refused` alone would suggest a refused client. */
export function causeText(cause: string | null): string {
  return cause === 'refused' ? 'connection refused' : (cause ?? 'unknown');
}

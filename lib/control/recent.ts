// What came of the last clients, as one line for every place that shows it. Pure, and fit for a browser. A bal that was started
// before an update may still run, and says nothing of it.

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

/** `92 %`; null when none failed. A share that rounds to nothing is not told as nothing. */
export function failedShare(recent: Maybe): string | null {
  if (recent === null || recent === undefined || recent.failed === 0) return null;
  return `${Math.max(1, Math.round((100 * recent.failed) / recent.ended))} %`;
}

/** What counts as a failure, in the order in which it is told. A client's own reset speaks against nobody: many programs end that way. What bal cut had lasted. */
export const CLIENT_FAILURES = [
  'backend_reset',
  'connect_failed',
  'no_backend',
  'overload',
  'bad_proxy_header',
  'first_bytes_timeout',
] as const;

/** Those of connects to backends, too. */
export const FAILURES = [...CLIENT_FAILURES, 'refused', 'timeout', 'other', 'local'] as const;

/** A cause of a failed connect or check as people read it: `refused` alone is said of clients. */
export function causeText(cause: string | null): string {
  return cause === 'refused' ? 'connection refused' : (cause ?? 'unknown');
}

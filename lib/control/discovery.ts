// What discovery found for the names of backends, as shown to people. Pure, and runs in a browser.

import { counted, duration } from '../units.ts';
import type { ServiceStatus } from './protocol.ts';

/** What a name with `discover` resolves to. */
export interface DiscoveryStatus {
  readonly name: string;
  readonly discover: string;
  /** In the last good answer. */
  readonly endpoints: number;
  /** Those of them that are not used, and why. */
  readonly left_out: number;
  readonly left_out_why: string | null;
  /** The age of that answer; null if there was none yet. */
  readonly age_ms: number | null;
  /** Why there is no newer answer; null if the last one was good. */
  readonly failure: string | null;
}

/** The names of a service; empty for a bal that does not send them. */
export function discoveryIn({ discovery = [] }: Partial<Pick<ServiceStatus, 'discovery'>>): readonly DiscoveryStatus[] {
  return discovery;
}

/** `web.internal (all): 3 backends, answered 2 s ago`, then what is not used and why there is no newer answer. */
export function discoveryText({
  name,
  discover,
  endpoints,
  left_out,
  left_out_why,
  age_ms,
  failure,
}: DiscoveryStatus): string {
  const age = age_ms === null ? 'never answered' : `answered ${duration(age_ms)} ago`;
  const lost = left_out === 0 ? '' : `, ${left_out} of them not used: ${left_out_why ?? '?'}`;
  const failed = failure === null ? '' : `; it cannot be looked up (${failure})`;
  return `${name} (${discover}): ${counted(endpoints, 'backend')}${lost}, ${age}${failed}`;
}

// Logs refused clients in few lines: the first of a kind at once, then at most one line per 10 s with the number
// since the last one.

import type { Diagnosis } from '../../control/protocol.ts';
import { createThrottle, type Throttle } from '../../throttle.ts';
import { counted } from '../../units.ts';
import type { Log } from '../log/log.ts';
import type { ServiceCounts } from './totals.ts';

const KINDS = {
  access_denied: {
    event: 'client.access_denied',
    why_likely: "their addresses may not come, by the service's access lists",
    do_this_now: 'nothing, if that is meant; else correct "access" and run bal graceful; records name the addresses',
  },
  too_many_from_source: {
    event: 'client.too_many_from_source',
    why_likely: 'one address, or a few, has as many connections as max_connections_per_source allows',
    do_this_now:
      'find out who that is (records name the addresses); raise the limit if it is a proxy or NAT of many clients',
  },
  too_fast_from_source: {
    event: 'client.too_fast_from_source',
    why_likely: 'one address, or a few, connects more often than max_connection_rate_per_source allows',
    do_this_now:
      'find out who that is (records name the addresses); raise the limit if it is a proxy or NAT of many clients',
  },
  too_fast: {
    event: 'client.too_fast',
    why_likely: 'more clients connect in a second than max_connection_rate allows',
    do_this_now: 'raise the limit if the backends can take more, or find out who connects so often',
  },
  overload: {
    event: 'client.overload',
    why_likely:
      'more clients than max_concurrent_connections, max_connections of all backends that work, or the limit of file descriptors allows',
    do_this_now:
      "run 'bal why' to see which backends are full; raise the limit that is reached (and the descriptors, if 'bal doctor' says so), or find out who connects so often",
  },
  no_backend: {
    event: 'client.no_backend',
    why_likely: 'all backends were drained or removed, have weight 0, or their names do not resolve',
    do_this_now: "run 'bal why': it says which; 'bal backend ready' takes a drained one back",
  },
  connect_failed: {
    event: 'client.connect_failed',
    why_likely: 'every backend that was tried refused the connection or did not answer in time',
    do_this_now: "run 'bal why' and fix what it reports",
  },
  bad_proxy_header: {
    event: 'client.bad_proxy_header',
    why_likely: 'a peer in accept_proxy_protocol.from does not send a PROXY header, or a wrong one',
    do_this_now:
      'have that proxy send one (send-proxy-v2 in HAProxy, proxy_protocol on in nginx), or take its network out of accept_proxy_protocol.from',
  },
  first_bytes_timeout: {
    event: 'client.first_bytes_timeout',
    why_likely:
      'a peer in accept_proxy_protocol.from sends no PROXY header, or a client of a port with server_name or alpn waits for the server to speak first',
    do_this_now:
      'have that proxy send one, or take its network out of accept_proxy_protocol.from; give a service whose server speaks first a port of its own; raise first_bytes_timeout_ms only where the way is that slow',
  },
  no_route: {
    event: 'client.no_route',
    why_likely:
      'they ask for a server name or protocol that no service of this port has, for none, or do not speak TLS: strangers that look around do',
    do_this_now:
      'nothing, if that is meant; else add the name to "server_name" of a service, or a service without one for all others, and run bal graceful',
  },
} as const;

type Kind = keyof typeof KINDS;

interface Reported {
  readonly count: number;
  readonly throttle: Throttle;
}

export interface Refusals {
  /** Compares a service's latest sums with those logged last; `now` in ms, monotonic. */
  observe(service: string, counts: ServiceCounts, now: number): void;
  /** Forgets all other services. */
  retain(services: { has(service: string): boolean }): void;
}

export function createRefusals(log: Log): Refusals {
  const reported = new Map<string, Reported>();
  return {
    observe(service, counts, now) {
      for (const kind of Object.keys(KINDS) as Kind[]) {
        const count = counts[`ended_${kind}_total`];
        const key = `${service} ${kind}`;
        const before = reported.get(key);
        // A sum falls if a service was removed and is back.
        const last = before !== undefined && before.count <= count ? before : undefined;
        const more = count - (last?.count ?? 0);
        const throttle = last?.throttle ?? createThrottle();
        if (more <= 0 || !throttle.isOpen(now)) continue;
        throttle.close(now);
        reported.set(key, { count, throttle });
        const { event, ...advice } = KINDS[kind];
        const problem: Diagnosis = {
          what_happened: `${counted(more, 'client')} of ${service} ${more === 1 ? 'was' : 'were'} refused: ${kind}`,
          ...advice,
        };
        log.warn(event, problem.what_happened, { service, count: more, total: count, ...problem });
      }
    },
    retain(services) {
      for (const key of reported.keys()) if (!services.has(key.slice(0, key.lastIndexOf(' ')))) reported.delete(key);
    },
  };
}

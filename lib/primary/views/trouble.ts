// The diagnosis for a service or backend whose clients fail although it is healthy (what happened to its last clients, the likely
// cause, and what to do), and for a service some of whose backends are out.

import type { RecentStatus, Diagnosis } from '../../control/protocol.ts';
import type { BackendWhy, ServiceWhy } from '../../control/why.ts';
import { CLIENT_FAILURES } from '../../control/recent.ts';
import { listed } from '../../units.ts';

/** Resource shortages of this machine, counted by system call and errno. */
export type Short = Readonly<Record<string, number>>;

/** `resetting`: the service's backends that reset many of their clients. */
export function clientsTrouble(
  name: string,
  recent: RecentStatus,
  resetting: readonly string[],
  short: Short,
): Diagnosis {
  const reason = most(recent.by_reason, CLIENT_FAILURES);
  const clients = (count: number): string => `${count} of the last ${recent.ended} clients of ${name}`;
  const since = sinceOf(recent);
  if (reason === 'connect_failed' && recent.local * 2 >= (recent.by_reason[reason] ?? 0)) {
    const what_happened = `${clients(recent.local)} were refused because this machine ran short${of(short)}, ${since}`;
    return { what_happened, ...shortageAdvice(short) };
  }
  const count = recent.by_reason[reason] ?? 0;
  switch (reason) {
    case 'backend_reset':
      return {
        what_happened: `${clients(count)} were reset by ${resetting.length === 0 ? 'a backend' : listed(resetting)}${earlyOf(recent)}, ${since}`,
        ...RESETS,
      };
    case 'connect_failed':
      return {
        what_happened: `${clients(count)} could not be connected to any backend, ${since}`,
        why_likely: 'every backend that was tried refused the connection or did not answer in time',
        do_this_now:
          'look at the backends below; log_connections: failed records which were tried, and why each failed',
      };
    case 'no_backend':
      return {
        what_happened: `${clients(count)} found no backend to try, ${since}`,
        why_likely: 'all backends were drained or removed, had weight 0, or their names did not resolve',
        do_this_now:
          "look at the backends below; 'bal backend list' shows what was changed, 'bal doctor' tries the names",
      };
    case 'bad_proxy_header':
      return {
        what_happened: `${clients(count)} were refused because their PROXY header was wrong, ${since}`,
        ...NO_HEADER,
      };
    case 'first_bytes_timeout':
      return {
        what_happened: `${clients(count)} were refused because their PROXY header did not come in time, ${since}`,
        ...NO_HEADER,
      };
    case 'overload':
      return {
        what_happened: `${clients(count)} were refused for overload, ${since}`,
        why_likely:
          'more clients than max_concurrent_connections, max_connections of all backends that work, or the limit of file descriptors allows',
        do_this_now:
          "see below which backends are full; raise the limit that is reached (and the descriptors, if 'bal doctor' says so), or find out who connects so often",
      };
  }
}

export function backendTrouble(address: string, recent: RecentStatus, short: Short): Diagnosis {
  const reason = most(recent.by_reason, ['backend_reset', 'local']);
  const count = `${recent.by_reason[reason] ?? 0} of the last ${recent.ended}`;
  const since = sinceOf(recent);
  switch (reason) {
    case 'backend_reset':
      return {
        what_happened: `${count} clients of ${address} were reset by it${earlyOf(recent)}, ${since}`,
        ...RESETS,
      };
    case 'local':
      return {
        what_happened: `${count} connects to ${address} failed because this machine ran short${of(short)}, ${since}`,
        ...shortageAdvice(short),
      };
  }
}

const NO_HEADER = {
  why_likely:
    'a peer in accept_proxy_protocol.from is no proxy, or sends no PROXY header: the records name it as client',
  do_this_now:
    'have that proxy send one (send-proxy-v2 in HAProxy, proxy_protocol on in nginx), or take its network out of accept_proxy_protocol.from',
};

const RESETS = {
  why_likely:
    'it accepts and then gives up: its own limit of connections, its access rules, a crash on what clients send, or a middlebox on the way',
  do_this_now: "read the server's own log for the time shown; a health check only sees that it accepts",
};

function shortageAdvice(short: Short): Omit<Diagnosis, 'what_happened'> {
  const [worst = ''] = Object.entries(short).sort(([, a], [, b]) => b - a)[0] ?? [];
  // A bind to an address leaves the choice of the port to the connect, or fails with EADDRINUSE.
  if (worst === 'bind EADDRNOTAVAIL') {
    return {
      why_likely:
        'an address in "source" of a backend is not, or no longer, one of this machine, or not of the family of the backend',
      do_this_now: "see 'ip addr'; correct \"source\" and run 'bal graceful', or give the machine that address",
    };
  }
  if (worst.endsWith('EADDRNOTAVAIL')) {
    return {
      why_likely:
        'no source port is left for that address: all of net.ipv4.ip_local_port_range are in use, or were a minute ago (TIME_WAIT)',
      do_this_now:
        'widen net.ipv4.ip_local_port_range, add addresses of backends, or let clients keep their connections for longer',
    };
  }
  if (worst.endsWith('EMFILE') || worst.endsWith('ENFILE') || worst === 'descriptors') {
    return {
      why_likely: 'the limit of file descriptors is used up',
      do_this_now: 'raise it (ulimit -Hn, LimitNOFILE= of systemd, fs.file-max) and restart bal',
    };
  }
  return {
    why_likely: 'the ports for outgoing connections, the file descriptors or the memory are used up',
    do_this_now: "run 'bal doctor --verbose' and look for worker.short in the log",
  };
}

function most<const K extends string>(counts: Readonly<Record<string, number>>, among: readonly [K, ...K[]]): K {
  return among.reduce((best, one) => ((counts[one] ?? 0) > (counts[best] ?? 0) ? one : best));
}

function sinceOf({ since }: RecentStatus): string {
  return `since ${since ?? '?'}`;
}

function of(short: Short): string {
  const names = Object.keys(short);
  return names.length === 0 ? '' : ` (${names.join(', ')})`;
}

function earlyOf({ reset_early }: RecentStatus): string {
  return reset_early === 0 ? '' : `, ${reset_early} before a byte had come`;
}

/** The problem of a service some of whose backends are out; null if it serves. */
export function serviceProblem(
  verdict: ServiceWhy['verdict'],
  out: readonly BackendWhy[],
  total: number,
): Diagnosis | null {
  switch (verdict) {
    case 'serving':
      return null;
    case 'degraded':
      return {
        what_happened: `${out.length} of ${total} backends ${out.length === 1 ? 'is' : 'are'} out: ${listed(out.map(({ address }) => address))}`,
        why_likely: `${out.length === 1 ? 'it refuses connections or does' : 'they refuse connections or do'} not answer; the others carry their share`,
        do_this_now: `run 'bal why ${out[0]?.address ?? ''}' and fix what it reports`,
      };
    case 'failing_open':
      return {
        what_happened: 'no backend is up; bal still tries all of them in turn for each client',
        why_likely: 'the servers behind it are down, or the network or DNS is',
        do_this_now: "run 'bal doctor --verbose' and fix the backend host, port or firewall",
      };
  }
}

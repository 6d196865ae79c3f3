// What an operator may do about a backend, by why its last check or connect failed.

import { quoted } from '../../../config/shell.ts';
import { pathIn } from '../../../config/unix.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import type { Cause } from '../upstream/backend.ts';

export type Advice = Omit<Diagnosis, 'what_happened'>;

export function adviceFor(cause: Cause, address: string): Advice {
  const path = pathIn(address);
  return (path === null ? undefined : adviceOnSocket(path)[cause]) ?? ADVICE[cause];
}

/** Where the advice for host and port does not fit. */
function adviceOnSocket(path: string): Partial<Record<Cause, Advice>> {
  return {
    refused: {
      why_likely:
        'nothing listens on that socket, or there is none: the server is stopped, restarting, or has it elsewhere',
      do_this_now: 'start the server there, or correct "unix" in the configuration and run bal graceful',
    },
    other: {
      why_likely: 'the user that runs bal may not write to that socket or enter its folder, or it is no stream socket',
      do_this_now: `let that user write to it: ls -l ${quoted(path)}; 'bal doctor --verbose' names the error`,
    },
  };
}

const ADVICE: Readonly<Record<Cause, Advice>> = {
  refused: {
    why_likely: 'nothing listens on that port: the server is stopped, restarting, or on another port',
    do_this_now: 'start the server there, or correct host and port in the configuration and run bal graceful',
  },
  timeout: {
    why_likely: 'the host is down, a firewall drops the packets, or the server accepts too slowly',
    do_this_now: 'check the host, the route and the firewall between here and there',
  },
  unreachable: {
    why_likely: 'no route to that host, or the network between is down',
    do_this_now: 'check the routing table and the network interface (ip route get HOST)',
  },
  reset: {
    why_likely: 'the server, or something on the path, resets connections at once: overload, access rules or a crash',
    do_this_now: "read the server's own log for the time shown",
  },
  dns: {
    why_likely: 'the name does not resolve any more: DNS is failing or the name was removed',
    do_this_now: 'try: getent hosts NAME (with dns_servers: dig @SERVER NAME); correct the name or DNS',
  },
  bad_answer: {
    why_likely:
      'it accepts connections and does not answer as health_check wants: it is starting, overloaded or faulty, or health_check asks for the wrong thing',
    do_this_now:
      "read the server's own log for the time shown, and compare its answer with health_check in the configuration",
  },
  local: {
    why_likely: 'this machine ran short of descriptors, ports or memory',
    do_this_now: "run 'bal doctor --verbose'",
  },
  other: {
    why_likely: 'an error that bal does not know',
    do_this_now: "run 'bal doctor --verbose' and read the server's own log",
  },
};

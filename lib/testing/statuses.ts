// Statuses for tests of the display: services with backends in the states that a test asks for.

import { unknownStatus } from '../cli/status.ts';
import type { BackendStateName, BackendStatus, ServiceStatus, Status } from '../control/protocol.ts';

export function backendWith(address: string, state: BackendStateName): BackendStatus {
  return {
    address,
    state,
    reachable: state === 'up',
    active_connections: 0,
    last_check_time: null,
    counters: null,
    connections_total: 0,
    bytes_in: 0,
    bytes_out: 0,
    cooldown_ms: null,
    weight: 1,
    slow_start: null,
    max_connections: 0,
    send_proxy_protocol: 'none',
    source: [],
    discovered_from: null,
    backup: false,
    administrative: 'ready',
    administrative_since: null,
    recent: null,
  };
}

/** The addresses are `10.0.0.1:80` and so on. */
export function serviceWith(name: string, states: readonly BackendStateName[]): ServiceStatus {
  const backends = states.map((state, i) => backendWith(`10.0.0.${i + 1}:80`, state));
  return {
    name,
    bind_address: '127.0.0.1',
    bind_unix: null,
    port: 80,
    method: 'round_robin',
    health_check: 'tcp',
    accept_proxy_protocol: [],
    server_name: [],
    alpn: [],
    discovery: [],
    backend_total: backends.length,
    backend_reachable: states.filter((state) => state === 'up').length,
    backends,
    active_connections: 0,
    last_check_time: null,
    protection_mode: { enabled: false, reason: null, since: null, exit_condition: null },
    waiting: 0,
    waited_total: 0,
    ends: {},
    recent: null,
  };
}

export function statusWith(services: readonly ServiceStatus[], more: Partial<Status> = {}): Status {
  return { ...unknownStatus(true, 1), state: 'running', host: 'here', home: '/home/me/.bal', services, ...more };
}

// Listeners whose clients must say which service they want, as shown to people. Pure, and runs in a browser.

import { addressOf } from '../../config/plan.ts';
import { listed } from '../units.ts';
import type { RecentStatus, ServiceStatus } from './protocol.ts';

export interface ListenerStatus {
  /** As configured. In records and metrics it stands for the service of clients that no service got. */
  readonly address: string;
  /** By name, in the order of the configuration. */
  readonly services: readonly string[];
  /** Clients that have not said yet which service they want. */
  readonly active_connections: number;
  /** Clients that no service got, by the reason of their end, since the start. */
  readonly ends: Readonly<Record<string, number>>;
  readonly recent: RecentStatus;
}

/** On a port, on a Unix socket, or both. */
export function whereOf({
  bind_address,
  bind_unix,
  port,
}: Pick<ServiceStatus, 'bind_address' | 'bind_unix' | 'port'>): string {
  const beside = bind_unix === null || port === 0 ? '' : ` and ${addressOf(bind_unix, 0)}`;
  return `${addressOf(bind_address, port)}${beside}`;
}

/** ` for www.example.com, *.example.com with h2`; empty for a service that takes any client, or a bal that does not send it. */
export function askedText({
  server_name = [],
  alpn = [],
}: Partial<Pick<ServiceStatus, 'server_name' | 'alpn'>>): string {
  if (server_name.length + alpn.length === 0) return '';
  const names = server_name.length === 0 ? 'any name' : listed(server_name);
  return ` for ${names}${alpn.length === 0 ? '' : ` with ${listed(alpn)}`}`;
}

/** `127.0.0.1:443, shared by a, b: clients that no service got: no_route 3; 2 have not said yet which it is`. */
export function listenerText({ address, services, active_connections: active, ends }: ListenerStatus): string {
  const reasons = Object.entries(ends).flatMap(([reason, count]) => (count > 0 ? [`${reason} ${count}`] : []));
  const waiting = active === 0 ? '' : `; ${active} ${active === 1 ? 'has' : 'have'} not said yet which it is`;
  const none = `clients that no service got: ${reasons.length === 0 ? 'none' : reasons.join(', ')}`;
  return `${address} ${services.length === 1 ? 'of' : 'shared by'} ${listed(services)}: ${none}${waiting}`;
}

// Settings that do not work for a service with only a Unix socket, because its clients have no address.
import type { Setting } from './tune.ts';
import type { ServiceDraft } from './draft.ts';
import { problemAt, type Problem } from './problem.ts';

const NO_ADDRESS = 'clients of a Unix socket have no address';

export function unixWarnings(service: ServiceDraft): Problem[] {
  const { bindUnix, port, access, proxiesFrom, runtime } = service;
  const isOnlyUnix = bindUnix.path !== null && port.path === bindUnix.path;
  if (!isOnlyUnix) return [];
  const { max_connections_per_source: connections, max_connection_rate_per_source: rate } = runtime;
  return [
    ...closed(service, access.sound && access.allow !== null ? access.setting : null),
    ...[proxiesFrom, ...[connections, rate].filter(({ value }) => value > 0)].flatMap((it) => idle(service, it)),
  ];
}

/** Reported wherever the list stands. */
function closed({ name }: ServiceDraft, allow: Pick<Setting<unknown>, 'path' | 'mark'> | null): Problem[] {
  if (allow === null || allow.path === null) return [];
  const message = `"allow" lets nobody in to ${name}: ${NO_ADDRESS}`;
  return [problemAt(allow.mark, allow.path, message, 'use bind_unix_mode, or give the service a port')];
}

/** A setting at the top level may serve other services. */
function idle({ path: own }: ServiceDraft, { path, mark }: Pick<Setting<unknown>, 'path' | 'mark'>): Problem[] {
  if (path === null || own.some((key, i) => path[i] !== key)) return [];
  return [problemAt(mark, path, `has no effect: ${NO_ADDRESS}`, 'remove it, or give the service a port')];
}

// A service of bal for each server, with nothing in the configuration but the addresses.
import type { EngineName } from '../harness/engines.ts';
import type { Owner } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import type { Kind, Place, Served, Server } from './kind.ts';

export type Servers = ReadonlyMap<Server, Served>;

export interface Services {
  /** `more` adds backends by service name. */
  config(more?: Readonly<Record<string, number>>): Record<string, unknown>;
  /** Where a client of this kind connects. */
  place(kind: Kind, owner: Owner, engine: EngineName): Place;
}

/** Starts the servers of these kinds: those that all bals share, those for one bal, or all. */
export async function startServers(
  owner: Owner,
  kinds: readonly Kind[],
  which: 'shared' | 'forOne' | 'all',
): Promise<Servers> {
  const servers = [...new Set(kinds.map(({ server }) => server))];
  const wanted = servers.filter(({ isForOne = false }) => which === 'all' || isForOne === (which === 'forOne'));
  return new Map(await Promise.all(wanted.map(async (server) => [server, await server.start(owner)] as const)));
}

export async function servicesFor(servers: Servers): Promise<Services> {
  const ports = new Map<Server, number>();
  for (const server of servers.keys()) ports.set(server, await freePort());
  const at = (port: number): object => ({ host: '127.0.0.1', port });
  return {
    config: (more = {}) => ({
      services: Object.fromEntries(
        [...servers].map(([server, { port }]) => {
          const backends = [port, more[server.name] ?? []].flat().map(at);
          return [server.name, { port: ports.get(server), bind_address: '127.0.0.1', backends }];
        }),
      ),
    }),
    place(kind, owner, engine) {
      const [server, through] = [servers.get(kind.server), ports.get(kind.server)];
      if (server === undefined || through === undefined) throw new Error(`Cannot find the server of ${kind.name}`);
      return { owner, engine, through, server };
    },
  };
}

// Clients of the usual kinds connected to their servers through one bal, which has nothing in its configuration but where
// the servers are.
import { type Bal, startBal } from '../harness.ts';
import type { EngineName } from '../harness/engines.ts';
import type { Owner } from '../harness/owner.ts';
import { freePort } from '../harness/ports.ts';
import type { Kind, Served, Server } from './kind.ts';
import { type Seat, takeSeat } from './seat.ts';

export interface Scene {
  readonly engine: EngineName;
  readonly bal: Bal;
  readonly seats: readonly Seat[];
  /** Writes the same configuration with `more` on its top level and further backends, by the name of their service. */
  configure(more: Readonly<Record<string, unknown>>, backends?: Readonly<Record<string, number>>): void;
}

export type Servers = ReadonlyMap<Server, Served>;

/** Those of the servers that every bal may share, or those that are for one bal. */
export async function startServers(owner: Owner, kinds: readonly Kind[], areForOne: boolean): Promise<Servers> {
  const servers = [...new Set(kinds.map(({ server }) => server))];
  const wanted = servers.filter(({ isForOne = false }) => isForOne === areForOne);
  return new Map(await Promise.all(wanted.map(async (server) => [server, await server.start(owner)] as const)));
}

export async function openScene(
  owner: Owner,
  engine: EngineName,
  kinds: readonly Kind[],
  shared: Servers,
): Promise<Scene> {
  const servers = new Map([...shared, ...(await startServers(owner, kinds, true))]);
  const ports = new Map<Server, number>();
  for (const server of servers.keys()) ports.set(server, await freePort());
  const configOf = (backends: Readonly<Record<string, number>> = {}): Record<string, unknown> => ({
    services: Object.fromEntries(
      [...servers].map(([server, { port }]) => [
        server.name,
        {
          port: ports.get(server),
          bind_address: '127.0.0.1',
          backends: [port, backends[server.name] ?? []].flat().map((at) => ({ host: '127.0.0.1', port: at })),
        },
      ]),
    ),
  });
  const bal = await startBal(owner, { engine, config: configOf() });
  const seats = await Promise.all(
    kinds.map((kind) =>
      takeSeat(kind, () => {
        const [server, through] = [servers.get(kind.server), ports.get(kind.server)];
        if (server === undefined || through === undefined) throw new Error(`Cannot find the server of ${kind.name}`);
        return kind.open({ owner, engine, through, server });
      }),
    ),
  );
  const held = (name: string): number =>
    seats
      .filter((seat) => seat.kind.server.name === name && seat.harm() === null)
      .reduce((sum, seat) => sum + seat.kind.connections, 0);
  await bal.statusWhen('every client is connected', ({ services }) =>
    services.every(({ name, active_connections }) => (active_connections ?? 0) >= held(name)),
  );
  return { engine, bal, seats, configure: (more, backends) => bal.configure({ ...configOf(backends), ...more }) };
}

// Clients connected to their servers through one bal, whose configuration has nothing but the addresses.
import { type Bal, startBal } from '../harness.ts';
import type { EngineName } from '../harness/engines.ts';
import type { Owner } from '../../lib/testing/owner.ts';
import type { Kind } from './kind.ts';
import { type Seat, takeSeat } from './seat.ts';
import { type Servers, servicesFor, startServers } from './services.ts';

export interface Scene {
  readonly engine: EngineName;
  readonly bal: Bal;
  readonly seats: readonly Seat[];
  /** Writes the same configuration with `more` at the top level and further backends by service name. */
  configure(more: Readonly<Record<string, unknown>>, backends?: Readonly<Record<string, number>>): void;
}

export async function openScene(
  owner: Owner,
  engine: EngineName,
  kinds: readonly Kind[],
  shared: Servers,
): Promise<Scene> {
  const services = await servicesFor(new Map([...shared, ...(await startServers(owner, kinds, 'forOne'))]));
  const bal = await startBal(owner, { engine, config: services.config() });
  const seats = await Promise.all(
    kinds.map((kind) => takeSeat(kind, () => kind.open(services.place(kind, owner, engine)))),
  );
  const held = (name: string): number =>
    seats
      .filter((seat) => seat.kind.server.name === name && seat.harm() === null)
      .reduce((sum, seat) => sum + seat.kind.connections, 0);
  await bal.statusWhen('every client is connected', (status) =>
    status.services.every(({ name, active_connections }) => (active_connections ?? 0) >= held(name)),
  );
  return {
    engine,
    bal,
    seats,
    configure: (more, backends) => bal.configure({ ...services.config(backends), ...more }),
  };
}

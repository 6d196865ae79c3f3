// Which routes a new table leads elsewhere. Tables come many times a second and seldom say so, while the engine asks the
// system about each new address.

import type { Table } from '../ipc/table.ts';

export interface Target {
  readonly backend: number;
  readonly ip: string;
  readonly port: number;
}

/** The routes of `next` whose address is not the one of `before`; all that have one when there was no table before. */
export function movedRoutes(before: Table | null, next: Table): Target[] {
  const known = before === null ? [] : routesOf(before);
  return routesOf(next).flatMap(({ backend, ip, port }, i) => {
    return ip === null || (known[i]?.ip === ip && known[i].port === port) ? [] : [{ backend, ip, port }];
  });
}

function routesOf({ services }: Table) {
  return services.flatMap(({ routes }) => routes);
}

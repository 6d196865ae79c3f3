// Which routes a new table leads elsewhere. Tables come many times a second and seldom say so, while the engine asks the
// system about each new address.

import type { Table } from '../ipc/table.ts';

export interface Target {
  readonly backend: number;
  readonly service: number;
  readonly ip: string;
  readonly port: number;
}

/** The routes of `next` whose address is not the one of `before`; all that have one when there was no table before. */
export function movedRoutes(before: Table | null, next: Table): Target[] {
  const known = before === null ? [] : before.services.flatMap(({ routes }) => routes);
  let at = 0;
  return next.services.flatMap(({ routes }, service) =>
    routes.flatMap(({ backend, ip, port }) => {
      const was = known[at++];
      return ip === null || (was?.ip === ip && was.port === port) ? [] : [{ backend, service, ip, port }];
    }),
  );
}

// What a taker must know of the connections in a handover: their services and endpoints. Ids belong to one instance, and the giver
// may belong to an instance that is gone, so services and endpoints are matched by name.

import { isLiteral } from '../../config/unix.ts';
import type { ServiceAssignment } from './assignment.ts';
import type { EndpointSnapshot } from './snapshot.ts';

/** Where connections lead, by the giver's ids. */
export interface Catalog {
  readonly services: readonly Pick<ServiceAssignment, 'id' | 'name' | 'runtime'>[];
  readonly endpoints: readonly Pick<EndpointSnapshot, 'id' | 'service' | 'name' | 'ip' | 'port'>[];
}

/** The same for the taker. `theirs` is the giver's id. */
export interface Known {
  readonly services: readonly { readonly theirs: number; readonly service: ServiceAssignment }[];
  readonly endpoints: readonly { readonly theirs: number; readonly endpoint: EndpointSnapshot }[];
}

/** Limit on the services and on the endpoints of a catalog. */
export const CATALOG_AT_MOST = 65_536;
/** Longer than any name of a service or backend, and short enough for a record. */
const NAME_AT_MOST = 512;

/** Validates a catalog: it comes from another process, which may run another version. */
export function isCatalog(value: unknown): value is Catalog {
  return isRecord(value) && isListOf(value['services'], isService) && isListOf(value['endpoints'], isEndpoint);
}

function isService(value: unknown): boolean {
  return isRecord(value) && isId(value['id']) && isName(value['name']) && isRecord(value['runtime']);
}

function isEndpoint(value: unknown): boolean {
  return (
    isRecord(value) &&
    isId(value['id']) &&
    isId(value['service']) &&
    isName(value['name']) &&
    (value['ip'] === null || (typeof value['ip'] === 'string' && isLiteral(value['ip']))) &&
    isId(value['port']) &&
    Number(value['port']) <= 65_535
  );
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value.length <= NAME_AT_MOST && !value.includes('\n');
}

function isListOf(value: unknown, isElement: (element: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= CATALOG_AT_MOST && value.every(isElement);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

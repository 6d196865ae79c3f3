// What workers that hand connections over have to be told by the primary: whose they are. Ids are those of an instance, and who
// gives may belong to one that is gone, so services and endpoints go by their names from one instance to the next.

import { isLiteral } from '../../config/unix.ts';
import type { ServiceAssignment } from './assignment.ts';
import type { EndpointSnapshot } from './snapshot.ts';

/** What connections lead to, as the worker knows it that gives them away. */
export interface Catalog {
  readonly services: readonly Pick<ServiceAssignment, 'id' | 'name' | 'runtime'>[];
  readonly endpoints: readonly Pick<EndpointSnapshot, 'id' | 'service' | 'name' | 'ip' | 'port'>[];
}

/** The same as the worker is to know it that takes them: each with the id that the giver has for it. */
export interface Known {
  readonly services: readonly { readonly theirs: number; readonly service: ServiceAssignment }[];
  readonly endpoints: readonly { readonly theirs: number; readonly endpoint: EndpointSnapshot }[];
}

/** Services and endpoints of one worker; more is nobody's catalog. */
export const CATALOG_AT_MOST = 65_536;
const NAME_AT_MOST = 1024;

/** It comes from another process, which may be of another version. */
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

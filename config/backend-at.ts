import { splitAddress } from './host.ts';
import type { BackendPlan } from './plan.ts';
import { plainBackend } from './plan.ts';
import { pathIn } from './unix.ts';

/** The backend that an address as in BackendPlan names, with defaults for everything else; null: it names none. */
export function backendAt(address: string): BackendPlan | null {
  const path = pathIn(address);
  if (path !== null) return plainBackend(path, 0);
  const parts = splitAddress(address);
  return parts === null ? null : plainBackend(parts.host, parts.port);
}

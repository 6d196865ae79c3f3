// The addresses of this machine's interfaces.
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

let known: readonly NetworkInterfaceInfo[] = [];

/** If the system cannot be asked (no descriptor is left), what it last answered. */
export function interfaceAddresses(): readonly NetworkInterfaceInfo[] {
  try {
    known = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  } catch {
    // Better outdated than nothing, and a shortage must not end the process.
  }
  return known;
}

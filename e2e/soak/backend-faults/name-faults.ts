// The faults of a backend known by name. `server` is set where our name server runs.
import { backend } from '../../harness/backend.ts';
import { named } from '../../harness/behaviours.ts';
import type { DnsServer } from './dns-server.ts';
import type { Fault } from './fault.ts';
import { FAULTY } from './faults.ts';

const HOME = '127.0.0.1';
const ELSEWHERE = '127.0.0.2';
const DEAD = '127.0.0.9';

let server: DnsServer | null = null;

/** Gives every name its first address. */
export function useNameServer(dns: DnsServer): void {
  server = dns;
  for (const { host } of NAME_FAULTS) if (host !== undefined) dns.set(host, [HOME]);
}

export const NAME_FAULTS: readonly Fault[] = [
  {
    name: 'its name resolves to nothing',
    host: 'nothing.bal.test',
    begin() {
      server?.set('nothing.bal.test', null);
      return Promise.resolve({
        repair() {
          server?.set('nothing.bal.test', [HOME]);
          return Promise.resolve();
        },
      });
    },
    alone: ['ok'], // the last good address is kept and tried when nothing else is left
    beside: ['ok'],
    detected: true,
  },
  {
    name: 'its name resolves to several addresses, the first of which is dead',
    host: 'several.bal.test',
    begin() {
      server?.set('several.bal.test', [DEAD, HOME]);
      return Promise.resolve({
        repair() {
          server?.set('several.bal.test', [HOME]);
          return Promise.resolve();
        },
      });
    },
    alone: ['ok'],
    beside: ['ok'],
    detected: false,
  },
  {
    name: 'dies, and its name then leads to another address',
    host: 'moves.bal.test',
    async begin(t, faulty) {
      await faulty.refuse();
      return {
        async repair() {
          await backend(t, named(FAULTY), { host: ELSEWHERE, port: faulty.port });
          server?.set('moves.bal.test', [ELSEWHERE]);
        },
      };
    },
    alone: ['reset'],
    beside: ['ok'],
    detected: true,
  },
];

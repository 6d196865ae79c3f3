import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Found, plainEnvironment, type Place, type Proxy, ROOM, said, WORKERS } from './proxy.ts';

/** What a feature adds to the common configuration. */
export interface HaproxyExtra {
  /** Words at the end of the `bind` line, and of each server's. */
  readonly bind?: string;
  readonly server?: string;
  /** Replaces the servers: the rest of the configuration after the `bind` line. */
  readonly routes?: string;
}

export function haproxyServers(backends: readonly number[], more = ''): string {
  return backends.map((backend, i) => `    server s${i} 127.0.0.1:${backend}${more}\n`).join('');
}

function configuration({ port, backends }: Place, { bind = '', server = '', routes }: HaproxyExtra): string {
  return `global
    nbthread ${WORKERS}
    maxconn ${ROOM}
defaults
    mode tcp
    maxconn ${ROOM}
    backlog 4096
    timeout connect 5s
    timeout client 120s
    timeout server 120s
    balance roundrobin
listen bench
    bind 127.0.0.1:${port}${bind}
${routes ?? haproxyServers(backends, server)}`;
}

/** An haproxy with what `extra` says of a place. */
export function haproxy(version: string, extra: (place: Place) => HaproxyExtra = () => ({})): Proxy {
  return {
    name: 'haproxy',
    version,
    prepare(place) {
      const file = join(place.dir, 'haproxy.cfg');
      writeFileSync(file, configuration(place, extra(place)));
      return { program: 'haproxy', args: ['-db', '-f', file], env: plainEnvironment() };
    },
  };
}

export function findHaproxy(): Found {
  const version = said('haproxy', '-v');
  if (version === null) return { kind: 'absent', name: 'haproxy', reason: 'not installed' };
  return { kind: 'found', proxy: haproxy(version.split('\n')[0]?.replace(/ - http.*/, '') ?? '') };
}

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Found, plainEnvironment, type Place, ROOM, said, WORKERS } from './proxy.ts';

function configuration({ port, backends }: Place): string {
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
listen bench
    bind 127.0.0.1:${port}
    balance roundrobin
${backends.map((backend, i) => `    server s${i} 127.0.0.1:${backend}\n`).join('')}`;
}

export function findHaproxy(): Found {
  const version = said('haproxy', '-v');
  if (version === null) return { kind: 'absent', name: 'haproxy', reason: 'not installed' };
  return {
    kind: 'found',
    proxy: {
      name: 'haproxy',
      version: version.split('\n')[0]?.replace(/ - http.*/, '') ?? '',
      prepare(place) {
        const file = join(place.dir, 'haproxy.cfg');
        writeFileSync(file, configuration(place));
        return { program: 'haproxy', args: ['-db', '-f', file], env: plainEnvironment() };
      },
    },
  };
}

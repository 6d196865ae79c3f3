import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Found, plainEnvironment, type Place, ROOM, said, WORKERS } from './proxy.ts';

/** Returns the line that loads the stream module: empty if it is built in, null if there is none. */
function streamModule(build: string): string | null {
  if (/--with-stream(\s|$)/.test(build)) return '';
  const folder = /--modules-path=(\S+)/.exec(build)?.[1];
  const file = folder === undefined ? null : join(folder, 'ngx_stream_module.so');
  return file !== null && existsSync(file) ? `load_module ${file};\n` : null;
}

function configuration({ dir, port, backends }: Place, loadModule: string): string {
  return `${loadModule}daemon off;
${process.getuid?.() === 0 ? 'user root;\n' : ''}worker_processes ${WORKERS};
worker_rlimit_nofile ${2 * ROOM + 500};
pid ${dir}/nginx.pid;
error_log ${dir}/error.log crit;
events {
    worker_connections ${2 * ROOM};
}
stream {
    access_log off;
    upstream bench {
${backends.map((backend) => `        server 127.0.0.1:${backend};\n`).join('')}    }
    server {
        listen 127.0.0.1:${port} backlog=4096;
        proxy_pass bench;
        proxy_connect_timeout 5s;
        proxy_timeout 120s;
        proxy_half_close on;
    }
}
`;
}

export function findNginx(): Found {
  const build = said('nginx', '-V');
  if (build === null) return { kind: 'absent', name: 'nginx', reason: 'not installed' };
  const loadModule = streamModule(build);
  if (loadModule === null) return { kind: 'absent', name: 'nginx', reason: 'installed without its stream module' };
  return {
    kind: 'found',
    proxy: {
      name: 'nginx',
      version: (build.split('\n')[0] ?? '').replace('nginx version: ', ''),
      prepare(place) {
        const file = join(place.dir, 'nginx.conf');
        writeFileSync(file, configuration(place, loadModule));
        return {
          program: 'nginx',
          args: ['-p', place.dir, '-c', file, '-e', join(place.dir, 'error.log')],
          env: plainEnvironment(),
        };
      },
    },
  };
}

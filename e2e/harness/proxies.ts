// HAProxy and nginx on both sides of bal, as PROXY protocol peers: as servers they answer GET requests with what the header said,
// as proxies they send their client's address.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Owner } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { serve, workFolder } from '../../lib/testing/program.ts';

export interface Haproxy {
  /** Requires a header, and answers with its source, destination, unique id and authority. */
  readonly server: number;
  /** Ports of proxies that send this version. */
  readonly v1: number;
  readonly v2: number;
}

/** `to`: the port that its proxies connect to. */
export async function startHaproxy(owner: Owner, to: number): Promise<Haproxy> {
  const folder = workFolder(owner);
  const [server, v1, v2] = [await freePort(), await freePort(), await freePort()];
  const reported = '%[src] %[src_port] %[dst] %[dst_port] %[fc_pp_unique_id] %[fc_pp_authority]';
  writeFileSync(
    join(folder, 'haproxy.cfg'),
    `defaults
  timeout connect 10s
  timeout client 1m
  timeout server 1m
frontend server
  mode http
  bind 127.0.0.1:${server} accept-proxy
  http-request return status 200 content-type text/plain lf-string "${reported}"
listen v1
  mode tcp
  bind 127.0.0.1:${v1}
  server s 127.0.0.1:${to} send-proxy
listen v2
  mode tcp
  bind 127.0.0.1:${v2}
  server s 127.0.0.1:${to} send-proxy-v2
`,
  );
  await serve(owner, 'haproxy', ['-db', '-q', '-f', 'haproxy.cfg'], { port: v2, cwd: folder });
  return { server, v1, v2 };
}

export interface NginxProxy {
  readonly server: number;
  /** nginx sends version 1 only. */
  readonly v1: number;
}

/** As startHaproxy(). */
export async function startNginxProxy(owner: Owner, to: number): Promise<NginxProxy> {
  const folder = workFolder(owner);
  const [server, v1] = [await freePort(), await freePort()];
  const modules = '/usr/lib/nginx/modules/ngx_stream_module.so';
  const reported = '$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path temp_${kind};`)
    .join(' ');
  writeFileSync(
    join(folder, 'nginx.conf'),
    `load_module ${modules};
     daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;
     events { worker_connections 512; }
     http {
       access_log off; ${temporary}
       server {
         listen 127.0.0.1:${server} proxy_protocol;
         location / { return 200 "${reported}"; }
       }
     }
     stream {
       server { listen 127.0.0.1:${v1}; proxy_pass 127.0.0.1:${to}; proxy_protocol on; }
     }`,
  );
  await serve(owner, 'nginx', ['-p', folder, '-e', 'stderr', '-c', 'nginx.conf'], { port: v1, cwd: folder });
  return { server, v1 };
}

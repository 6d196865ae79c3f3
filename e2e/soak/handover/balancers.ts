// The three balancers of the storm, each in front of the same backends with one port per kind of connection.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Owner } from '../../../lib/testing/owner.ts';
import { freePort } from '../../../lib/testing/ports.ts';
import { serve, workFolder } from '../../../lib/testing/program.ts';
import { until } from '../../../lib/testing/until.ts';
import { type Bal, startBal } from '../../harness.ts';
import { QUICK } from '../../harness/config.ts';
import type { EngineName } from '../../harness/engines.ts';
import { childrenOf, pidsOf, proportionalBytes } from '../../harness/processes.ts';
import { KINDS, type Kind, type Scenery } from './lasting.ts';

export type Ports = Readonly<Record<Kind, number>>;

export interface Balancer {
  readonly name: string;
  readonly ports: Ports;
  /** Resolves when new processes serve. */
  reload(): Promise<void>;
  pids(): readonly number[];
}

/** Memory of all its processes, shared pages counted once. */
export function memoryOf(balancer: Balancer): number {
  return balancer.pids().reduce((sum, pid) => sum + proportionalBytes(pid), 0);
}

async function freePorts(): Promise<Ports> {
  const entries: [Kind, number][] = [];
  for (const kind of KINDS) entries.push([kind, await freePort()]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each kind has one
  return Object.fromEntries(entries) as Ports;
}

export function balConfig(ports: Ports, { backends }: Scenery, more: Readonly<Record<string, unknown>> = {}) {
  return {
    bind_address: '127.0.0.1',
    workers: 2,
    runtime: { ...QUICK, drain_timeout_ms: 600_000, connection_idle_timeout_ms: 3_600_000 },
    services: Object.fromEntries(
      KINDS.map((kind) => {
        const { host, port } = backends[kind];
        return [kind, { port: ports[kind], backends: [{ host, port }] }];
      }),
    ),
    ...more,
  };
}

export async function startBalBalancer(
  t: Owner,
  scene: Scenery,
  engine: EngineName,
): Promise<Balancer & { readonly bal: Bal }> {
  const ports = await freePorts();
  const bal = await startBal(t, { engine, daemon: true, config: balConfig(ports, scene) });
  return {
    name: `bal (${engine})`,
    bal,
    ports,
    async reload() {
      const { code, verdict } = await bal.graceful();
      if (code !== 0) throw new Error(`Cannot reload: ${JSON.stringify(verdict)}`);
    },
    pids: () => pidsOf(bal.home.dir),
  };
}

/** A master process and the signal that reloads it. */
function mastered(name: string, ports: Ports, pidFile: string, reloads: NodeJS.Signals): Balancer {
  const master = Number(readFileSync(pidFile, 'utf8').trim().split('\n')[0]);
  return {
    name,
    ports,
    async reload() {
      const before = new Set(childrenOf(master));
      process.kill(master, reloads);
      await until(`${name} has new processes`, () => childrenOf(master).some((pid) => !before.has(pid)));
      // They bind, or are told to serve, a moment later.
      await new Promise((resolve) => setTimeout(resolve, 300));
    },
    pids: () => [master, ...childrenOf(master)],
  };
}

export async function startHaproxy(t: Owner, { backends }: Scenery): Promise<Balancer> {
  const folder = workFolder(t);
  const ports = await freePorts();
  writeFileSync(
    join(folder, 'haproxy.cfg'),
    `global
  nbthread 2
  maxconn 9000
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
${KINDS.map(
  (kind) => `listen ${kind}
  bind 127.0.0.1:${ports[kind]}
  server s 127.0.0.1:${backends[kind].port}
`,
).join('')}`,
  );
  const args = ['-W', '-db', '-q', '-p', 'haproxy.pid', '-f', 'haproxy.cfg'];
  await serve(t, 'haproxy', args, { port: ports.idle, cwd: folder, endedBy: 'SIGTERM' });
  return mastered('haproxy (master-worker)', ports, join(folder, 'haproxy.pid'), 'SIGUSR2');
}

export const NGINX_SHUTDOWN_S = 30;

export async function startNginx(t: Owner, { backends }: Scenery): Promise<Balancer> {
  const folder = workFolder(t);
  const ports = await freePorts();
  writeFileSync(
    join(folder, 'nginx.conf'),
    `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; worker_processes 2; pid nginx.pid; error_log stderr crit;
worker_shutdown_timeout ${NGINX_SHUTDOWN_S}s;
worker_rlimit_nofile 18000;
events { worker_connections 8000; }
stream {
  proxy_timeout 1h;
  proxy_half_close on;
${KINDS.map(
  (kind) => `  server { listen 127.0.0.1:${ports[kind]}; proxy_pass 127.0.0.1:${backends[kind].port}; }
`,
).join('')}}
`,
  );
  await serve(t, 'nginx', ['-p', folder, '-e', 'stderr', '-c', 'nginx.conf'], { port: ports.idle, cwd: folder });
  return mastered(`nginx (worker_shutdown_timeout ${NGINX_SHUTDOWN_S}s)`, ports, join(folder, 'nginx.pid'), 'SIGHUP');
}
